import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fastEngines } from './engines.ts';
import { trainingCases, trainingError } from './trainingCases.ts';

for (const each of trainingCases) {
  test(`a step of ${each.name} has the same gradients on every engine`, async () => {
    for (const engine of fastEngines) {
      const error = await trainingError(engine, each);
      assert.ok(error < 1e-5, `${engine.name}: relative error ${error}`);
    }
  });
}
