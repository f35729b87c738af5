import assert from 'node:assert/strict';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { cli, measured, succeed } from './cli.ts';
import type { Scenario } from './scenario.ts';
import { assertWhole, resultOf, tuneArgs } from './tuneScenario.ts';

const runs = ['lora/seed-42', 'ssf/seed-42'];

/** Two methods side by side, each in a process of its own: the kill meets the parent at a moment, or a process at a change of files. */
export async function compareScenario(folder: string): Promise<Scenario> {
  const [, ...options] = tuneArgs(folder, { steps: 6 });
  const argv = ['compare', ...options, '--methods', 'lora,ssf', '--seeds', '1', '--forgetting.measure', 'false'];
  const place = (out: string, run: string): string => join(out, 'runs', run);
  const whole = join(folder, 'whole');
  const { ms, changes } = await measured([...argv, '--out', whole], folder);
  const expected = runs.map((run) => resultOf(place(whole, run)));
  let count = 0;
  return {
    name: 'compare',
    ms,
    changes,
    once: async (kill) => {
      const out = join(folder, `run-${count++}`);
      const { code, err } = await cli([...argv, '--out', out], kill);
      // A run whose process is killed fails, and the others go on.
      assert.ok(code === null || code === 0 || err.includes('was ended by SIGKILL'), err);
      for (const name of ['config.json', 'compare.json'])
        if (existsSync(join(out, name))) JSON.parse(readFileSync(join(out, name), 'utf8'));
      for (const run of runs) await assertWhole(place(out, run));
      await succeed([...argv, '--out', out]);
      assert.deepEqual(
        runs.map((run) => resultOf(place(out, run))),
        expected,
      );
      rmSync(out, { recursive: true });
      return code !== 0;
    },
  };
}
