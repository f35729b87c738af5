import { readFileSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import { imageOf } from '../../../src/data/imageField.ts';
import { mutateBytes, rawBytes } from '../bytes.ts';
import { type Draw, pick } from '../draws.ts';
import type { FuzzTarget } from '../target.ts';

const path = new URL('../../../test/fixtures/images.json', import.meta.url);
const { decoded } = JSON.parse(readFileSync(path, 'utf8')) as { decoded: readonly { readonly file: string }[] };
const seeds = decoded.map(({ file }) => Uint8Array.from(Buffer.from(file, 'base64')));

/** Gives chunks of a PNG the checksums of what they hold now, so that not every change stops there. */
function withChecksums(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const view = new DataView(bytes.buffer);
  for (let at = 8; at + 12 <= bytes.length;) {
    const length = view.getUint32(at);
    if (length > bytes.length - at - 12) break;
    view.setUint32(at + 8 + length, crc32(bytes.subarray(at + 4, at + 8 + length)));
    at += 12 + length;
  }
  return bytes;
}

function inputOf(draw: Draw): Uint8Array<ArrayBuffer> {
  if (draw(20) === 0) return rawBytes(draw);
  const changed = mutateBytes(pick(draw, seeds), draw);
  return changed[0] === 0x89 && draw(10) > 0 ? withChecksums(changed) : changed;
}

export const imageTarget: FuzzTarget = {
  name: 'image',
  weight: 100,
  says: 'fuzzed.jsonl, line 1',
  caseOf: (draw) => {
    const input = inputOf(draw);
    const row = { index: 0, place: 'fuzzed.jsonl, line 1', fields: { image: 'a' }, readFile: async () => input };
    return { input, read: async () => void (await imageOf(row)) };
  },
};
