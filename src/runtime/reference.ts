import { type Graph, type Node, topologicalOrder } from '../ir/graph.ts';
import { verify } from '../ir/verify.ts';
import { type Dense, sizeOf } from '../ir/types.ts';
import { evaluate } from './evaluate.ts';
import type { Engine, Program, Tensors } from './engine.ts';
import { type Life, life } from './life.ts';
import { bindings, checkedInputs, placeOutputs, prebindInputs } from './program.ts';
import { randomService } from './random.ts';
import { type RunQueue, runQueue } from './runQueue.ts';
import type { Tensor } from './tensor.ts';

const toDense = ({ dtype, shape, data }: Tensor): Dense => ({ dtype, shape, data: Float64Array.from(data) });

/** The judge: every op in f64, rounded only where values leave the program. Clear, not fast. */
export function referenceEngine(): Engine {
  const engine = life('an open engine but it was closed', () => {});
  const queue = runQueue();
  return {
    name: 'reference',
    precision: 'f64',
    random: randomService(),
    load: async (graph) => loadProgram(graph, engine, queue),
    plan: async (graph) => {
      engine.check();
      verify(graph);
      return { scratchBytes: valueBytes(graph), ownBytes: 0 };
    },
    memory: () => ({ scratchBytes: 0, peakScratchBytes: 0, programs: engine.parts() }),
    close: engine.end,
  };
}

/** A run keeps every value in f64, and those inside a composite until it is done. */
function valueBytes(graph: Graph): number {
  const bytesOf = (nodes: readonly Node[]): number =>
    8 *
    nodes
      .flatMap(({ outputs }) => outputs.map(({ type }) => sizeOf(type.shape)))
      .reduce((sum, count) => sum + count, 0);
  const inner = ({ op, inputs, attrs }: Node): number => {
    if (op.reference || !op.decompose) return 0;
    const operands = new Set(inputs.flatMap((value) => (value ? [value.node] : [])));
    const nodes = topologicalOrder(op.decompose(inputs, attrs), (node) => operands.has(node));
    return bytesOf(nodes) + Math.max(0, ...nodes.map(inner));
  };
  return bytesOf(graph.nodes) + Math.max(0, ...graph.nodes.map(inner));
}

function loadProgram(graph: Graph, engine: Life, queue: RunQueue): Program {
  engine.check();
  verify(graph);
  const program = engine.part('a loaded program but it was released', () => {});
  const bound = bindings(graph);
  const runOnce = (leaves: Tensors, outputs: Tensors): void => {
    const dense = Object.fromEntries(Object.entries(leaves).map(([name, leaf]) => [name, toDense(leaf)]));
    const results = evaluate(graph, dense);
    for (const [name, output] of Object.entries(outputs)) output.data.set(results[name]?.data ?? []);
    bound.touchWritten();
  };
  return {
    graph,
    bind: bound.bind,
    run: (inputs, options = {}) =>
      queue.later(async () => {
        program.check();
        const leaves = { ...checkedInputs(graph, inputs), ...(await bound.values()) };
        const outputs = placeOutputs(graph, leaves, options);
        runOnce(leaves, outputs);
        return outputs;
      }),
    prebind: async (options = {}) => {
      program.check();
      const inputs = prebindInputs(graph, options.inputs);
      const leaves = { ...inputs, ...(await bound.values()) };
      const outputs = placeOutputs(graph, leaves, options);
      const prebound = program.part('a prebound run but it was released', () => {});
      const run = (): void => {
        prebound.check();
        runOnce(leaves, outputs);
      };
      return {
        inputs,
        outputs,
        run: () => queue.later(async () => run()),
        runSync: () => queue.now(run),
        release: prebound.end,
      };
    },
    release: program.end,
  };
}
