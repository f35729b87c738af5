import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import koffi from 'koffi';
import { loadNativeLibrary } from '../../../src/runtime/node/native-library.ts';
import { found } from './engines.ts';

const largeKilobytes = (): number =>
  Number(/AnonHugePages: +(\d+) kB/.exec(readFileSync('/proc/self/smaps_rollup', 'utf8'))?.[1]);

/** Why this system makes no large pages at once, or false. */
function missing(): string | false {
  if (process.platform !== 'linux') return 'large pages are asked for on Linux alone';
  const setting = '/sys/kernel/mm/transparent_hugepage/enabled';
  if (!existsSync(setting)) return 'this system has no large pages';
  if (readFileSync(setting, 'utf8').includes('[never]')) return 'this system has large pages switched off';
  const [, major = '0', minor = '0'] = /(\d+)\.(\d+)/.exec(readFileSync('/proc/sys/kernel/osrelease', 'utf8')) ?? [];
  return Number(major) * 100 + Number(minor) < 601 ? 'Linux before 6.1 makes them when it finds the time' : false;
}

test(
  'arrays that fill most of large pages are held in them together and keep their values',
  { skip: found.missing || missing() },
  async () => {
    const { tl_use_large_pages: use } = loadNativeLibrary(found.library ?? '');
    const whole = new Float32Array(new ArrayBuffer(64 << 20)).map((_, i) => i);
    // A quarter of a megabyte each, of which every eighth is somebody else's.
    const size = 1 << 16;
    const all = Array.from({ length: whole.length / size }, (_, i) => whole.subarray(i * size, (i + 1) * size));
    const parts = all.filter((_, i) => i % 8 !== 3);
    const before = largeKilobytes();
    const addresses = BigUint64Array.from(parts.toReversed(), (part) => koffi.address(part));
    use(
      addresses,
      addresses.map(() => BigInt(4 * size)),
      parts.length,
    );
    assert.ok(largeKilobytes() >= before + 2048, `${before} kB before, ${largeKilobytes()} kB after`);
    assert.ok(whole.every((value, i) => value === Math.fround(i)));
  },
);
