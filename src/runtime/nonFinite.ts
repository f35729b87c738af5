import { at, buildGraph, type Graph, isLeaf, topologicalOrder, type Value } from '../ir/graph.ts';
import { abs } from '../ir/ops/abs.ts';
import { lessEqual } from '../ir/ops/lessEqual.ts';
import { sum } from '../ir/ops/reduceSum.ts';
import { where } from '../ir/ops/where.ts';
import { originsOf } from '../ir/origins.ts';
import { formatType } from '../ir/types.ts';
import type { Engine, Tensors } from './engine.ts';
import type { TensorData } from './tensor.ts';
import type { WeightHandle } from './weights.ts';

/** A run that gave something NaN or infinite. */
export interface FailedRun {
  readonly graph: Graph;
  readonly inputs: Tensors;
  /** The weight of each parameter leaf, as it was in the run. */
  readonly weight: (leaf: string) => WeightHandle;
  /** The output whose ancestors are the forward pass. */
  readonly main: string;
}

const firstBad = (data: TensorData): number => Array.prototype.findIndex.call(data, (value) => !Number.isFinite(value));

/** The first leaf that holds something NaN or infinite. */
async function badLeaf({ graph, inputs, weight }: FailedRun): Promise<string | undefined> {
  for (const { name, kind, type } of graph.leaves) {
    if (type.dtype !== 'f32') continue;
    const data = kind === 'input' ? (inputs[name]?.data ?? new Float32Array(0)) : await weight(name).read();
    const index = firstBad(data);
    if (index >= 0) return `${kind} ${name} ${formatType(type)} holds ${data[index]} at element ${index}`;
  }
  return undefined;
}

/** Runs a part of the graph as it ran. */
async function rerun(engine: Engine, run: FailedRun, outputs: readonly Value[]): Promise<TensorData[]> {
  const graph = buildGraph(Object.fromEntries(outputs.map((value, i) => [String(i), value])));
  const program = await engine.load(graph);
  try {
    const fed = graph.leaves
      .filter(({ kind }) => kind === 'input')
      .map(({ name }) => [name, run.inputs[name]] as const);
    for (const { name, kind } of graph.leaves) if (kind === 'parameter') program.bind(name, run.weight(name));
    const found = await program.run(Object.fromEntries(fed) as Tensors);
    return outputs.map((_, i) => found[String(i)]?.data ?? new Float32Array(0));
  } finally {
    program.release();
  }
}

const largest = 3.4028234663852886e38;

/** How many elements are NaN or infinite: 0 x is not NaN on every device, and NaN is not above anything. */
const badCount = (x: Value): Value => sum(where(lessEqual(abs(x), largest), 0, 1));

/** The first of the values that is not finite all over. */
async function firstOf(engine: Engine, run: FailedRun, values: readonly Value[]): Promise<Value | undefined> {
  if (values.length === 0) return undefined;
  const counts = await rerun(engine, run, values.map(badCount));
  return values[counts.findIndex(([count]) => count !== 0)];
}

/**
 * What first made a run's results NaN or infinite, in words: a leaf that held it, or the op, its place and the value. The run
 * is done again, a few times in parts: first with every √n-th of the n values looked at, then with all before the first
 * bad one of these, and so on until a value's own operands are finite. Undefined where everything is finite this time.
 */
export async function findNonFinite(engine: Engine, run: FailedRun): Promise<string | undefined> {
  const leaf = await badLeaf(run);
  if (leaf !== undefined) return leaf;
  const { graph } = run;
  const values = graph.nodes
    .filter((node) => !isLeaf(node))
    .flatMap(({ outputs }) => outputs)
    .filter(({ type }) => type.dtype === 'f32');
  const place = new Map(values.map((value, index) => [value, index]));
  const stride = Math.ceil(Math.sqrt(values.length));
  const samples = values.filter((_, index) => index % stride === stride - 1);
  const sample = (await firstOf(engine, run, samples)) ?? values.at(-1);
  let end = sample === undefined ? 0 : (place.get(sample) ?? 0);
  let found: Value | undefined;
  for (;;) {
    const window = values.slice(Math.max(0, end - stride + 1), end + 1);
    const bad = await firstOf(engine, run, window);
    if (!bad) break;
    found = bad;
    // Operands before the window were not looked at yet.
    const operands = bad.node.inputs.flatMap((input) => (input && place.has(input) ? [input] : []));
    const before = await firstOf(
      engine,
      run,
      operands.filter((operand) => !window.includes(operand)),
    );
    if (!before) break;
    end = place.get(before) ?? 0;
  }
  return found && describe(engine, run, found);
}

async function describe(engine: Engine, run: FailedRun, value: Value): Promise<string> {
  const { graph, main } = run;
  const [data = new Float32Array(0)] = await rerun(engine, run, [value]);
  const forward = new Set(
    topologicalOrder([
      at(
        [graph.outputs.get(main)].flatMap((output) => output ?? []),
        0,
      ),
    ]),
  );
  const pass = forward.has(value.node) ? 'forward' : 'backward';
  const index = firstBad(data);
  return `${originsOf(graph)(value.node)} (${pass}) made ${data[index]} of finite operands, in ${formatType(value.type)} at element ${index}`;
}
