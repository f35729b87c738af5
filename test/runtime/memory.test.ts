import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { at, buildGraph, type Graph, input, parameter, type Value } from '../../src/ir/graph.ts';
import { checkpoint, constant, gelu, gradients, linear, mean, mul } from '../../src/ir/index.ts';
import type { Engine } from '../../src/runtime/engine.ts';
import { allocate } from '../../src/runtime/tensor.ts';
import { weightStore } from '../../src/runtime/weights.ts';
import { engines, fastEngines } from './engines.ts';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

const width = 256;

/** A loss over layers of `width`, and its gradient by the first weight. */
function network(rows: number, layers: number, recompute: boolean): Graph {
  const x = input('x', 'f32', [rows, width]);
  const weights = Array.from({ length: layers }, (_, i) => input(`w${i}`, 'f32', [width, width]));
  const layer = (h: Value, w: Value): Value => mul(gelu(linear(h, w)), h);
  const again = checkpoint((h, w) => layer(h ?? x, w ?? x));
  const h = weights.reduce((before, w) => (recompute ? again(before, w) : layer(before, w)), x);
  const loss = mean(mul(h, h));
  return buildGraph({ loss, gradient: at(gradients(loss, weights), 0) });
}

async function runOnce(engine: Engine, graph: Graph): Promise<void> {
  const program = await engine.load(graph);
  await program.run(Object.fromEntries(graph.leaves.map(({ name, type }) => [name, allocate('f32', type.shape)])));
  program.release();
}

for (const engine of fastEngines) {
  test(`${engine.name}: the memory that runs take is planned within a fifth, with recompute and without`, async () => {
    const plans: number[] = [];
    // Engines tell the most that was ever in use, so each takes more than those before.
    for (const graph of [network(1024, 12, true), network(1024, 12, false), network(2048, 12, false)]) {
      const { scratchBytes } = await engine.plan(graph);
      await runOnce(engine, graph);
      const { peakScratchBytes = 0 } = engine.memory();
      const ratio = scratchBytes / peakScratchBytes;
      assert.ok(ratio > 0.8 && ratio < 1.2, `planned ${scratchBytes} but found ${peakScratchBytes}`);
      assert.ok(scratchBytes > 1.2 * (plans.at(-1) ?? 0), `${scratchBytes} after ${plans.join()}`);
      plans.push(scratchBytes);
    }
  });
}

/** Loads, binds, runs by both ways and releases a program that is like no other. */
async function live(engine: Engine, number: number): Promise<void> {
  const [weight] = weightStore().allocate('group', [{ name: 'w', shape: [64, 64] }]).members;
  assert.ok(weight);
  const own = constant(
    'f32',
    [64, 64],
    Array.from({ length: 4096 }, (_, i) => i + number),
  );
  const y = linear(input('x', 'f32', [4, 64]), mul(parameter('w', [64, 64]), own));
  const program = await engine.load(buildGraph({ y, twice: mul(y, 2) }));
  program.bind('w', weight);
  await program.run({ x: allocate('f32', [4, 64]) });
  const bound = await program.prebind();
  await bound.run();
  // Every other one is left to the program's end.
  if (number % 2 === 0) bound.release();
  program.release();
}

const residentBytes = (): number => {
  collectGarbage();
  return process.memoryUsage.rss();
};

/** Open files and sockets, where the platform shows them. */
const handles = (): number => (process.platform === 'linux' ? readdirSync('/proc/self/fd').length : 0);

for (const engine of engines) {
  test(`${engine.name}: a thousand programs that come and go leave nothing behind`, async () => {
    for (let i = 0; i < 100; i++) await live(engine, i);
    const before = { handles: handles(), programs: engine.memory().programs };
    const growths: number[] = [];
    for (let round = 0; round < 4; round++) {
      const start = residentBytes();
      for (let i = 0; i < 250; i++) await live(engine, 250 * round + i);
      growths.push(residentBytes() - start);
    }
    assert.equal(engine.memory().programs, before.programs);
    assert.equal(handles(), before.handles);
    // The allocators of threads grow in steps; what leaks grows in every round. A program holds a constant of 16 kB.
    assert.ok(Math.min(...growths) < 5e5, `grew by ${growths.join(', ')} bytes`);
  });
}
