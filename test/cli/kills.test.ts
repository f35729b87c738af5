import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { killAt } from '../../tools/kills/points.ts';
import { scenarios } from '../../tools/kills/scenarios.ts';

const root = mkdtempSync(join(tmpdir(), 'tuneloop-kills-'));
after(() => rmSync(root, { recursive: true, force: true }));
// npm run check:kills has more points of all of them; docs/trust.md says what came of it.
const points = { tune: 3, merge: 1, download: 1 };

for (const [name, count] of Object.entries(points)) {
  test(
    `${name}: killed at random points it leaves nothing half-written, and going on leads to the same end`,
    { skip: process.platform === 'win32' ? 'there is no kill -9 on Windows' : false },
    async () => {
      const scenario = await (scenarios[name] ?? assert.fail(name))(join(root, name));
      try {
        const { byTime, byChange } = await killAt(scenario, count, 7);
        assert.equal(byTime + byChange, count);
        // Among the last changes: what is written after a run's end is still to come.
        await scenario.once({ killAtChange: scenario.changes - 2 });
      } finally {
        await scenario.close?.();
      }
    },
  );
}
