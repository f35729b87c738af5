// npm run check:kills -- [--points N] [--seed S] [--only NAME]: kills the program at random points, and checks what is left and that going on leads to the same end.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { killAt } from './points.ts';
import type { Scenario } from './scenario.ts';
import { scenarios } from './scenarios.ts';

const { values } = parseArgs({
  options: {
    points: { type: 'string', default: '50' },
    seed: { type: 'string', default: '20261127' },
    only: { type: 'string' },
  },
});
const [points, seed] = [Number(values.points), Number(values.seed)];
const folder = mkdtempSync(join(tmpdir(), 'tuneloop-kills-'));
const tell = (line: string): void => void process.stdout.write(`${line}\n`);

async function check(name: string, scenario: Scenario): Promise<void> {
  const { ms, changes } = scenario;
  try {
    const { byTime, byChange, late } = await killAt(scenario, points, seed, tell);
    tell(
      `${name}: ${byChange} kills at one of ${changes} changes of files and ${byTime} at a moment of ${Math.round(ms)} ms hold, ${late} came after the end`,
    );
  } finally {
    await scenario.close?.();
  }
}

try {
  for (const [name, make] of Object.entries(scenarios)) {
    if (values.only === undefined || values.only === name) await check(name, await make(join(folder, name)));
  }
  tell(`${points} points each, seed ${seed}: all hold`);
} finally {
  rmSync(folder, { recursive: true });
}
