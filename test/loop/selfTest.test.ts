import assert from 'node:assert/strict';
import { test } from 'node:test';
import { selfTest } from '../../src/loop/selfTest.ts';
import type { Engine } from '../../src/runtime/engine.ts';
import { referenceEngine } from '../../src/runtime/reference.ts';

/** The reference engine with one number of every result changed. */
function wrongEngine(): Engine {
  const engine = referenceEngine();
  return {
    ...engine,
    load: async (graph) => {
      const program = await engine.load(graph);
      return {
        ...program,
        run: async (inputs, options) => {
          const outputs = await program.run(inputs, options);
          for (const { data } of Object.values(outputs)) data[77] = Number(data[77]) + 0.01;
          return outputs;
        },
      };
    },
  };
}

test('the self-test passes the judge and finds one wrong number, and leaves no program behind', async () => {
  const engine = referenceEngine();
  assert.ok((await selfTest(engine)) < 1e-6);
  assert.equal(engine.memory().programs, 0);
  assert.ok((await selfTest(wrongEngine())) > 1e-5);
});
