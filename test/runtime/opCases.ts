import { normal } from '../../src/ir/dense.ts';
import { vjp } from '../../src/ir/grad.ts';
import { at, buildGraph, type Graph, input, type Value } from '../../src/ir/graph.ts';
import type { Op, Sample } from '../../src/ir/op.ts';
import { ops } from '../../src/ir/ops/index.ts';
import type { Dense } from '../../src/ir/types.ts';
import type { Engine } from '../../src/runtime/engine.ts';
import { evaluate } from '../../src/runtime/evaluate.ts';
import { tensor } from '../../src/runtime/tensor.ts';
import { applySample, differentiable } from '../ir/central-differences.ts';

/** What every engine of f32 has to compute as the reference does; runs anywhere, in a page too. */
export interface OpCase {
  readonly name: string;
  readonly tolerance: number;
  /** Elements of the operands, which say how long it takes. */
  readonly elements: number;
  /** Of its op's first sample. */
  readonly isFirst: boolean;
  /** Undefined where there is nothing to compute: no operand has a gradient. */
  build(): { readonly graph: Graph; readonly feeds: Readonly<Record<string, Dense>> } | undefined;
}

function sampleCases(op: Op, sample: Sample, isFirst: boolean): OpCase[] {
  const feeds = Object.fromEntries(
    sample.inputs.flatMap((operand, i): [string, Dense][] => (operand ? [[`x${i}`, operand]] : [])),
  );
  const elements = sample.inputs.reduce((sum, operand) => sum + (operand?.data.length ?? 0), 0);
  const shared = { tolerance: sample.tolerance ?? 3e-6, elements, isFirst };
  const named = (outputs: readonly Value[], letter: string): Record<string, Value> =>
    Object.fromEntries(outputs.map((output, i) => [`${letter}${i}`, output]));
  const cases: OpCase[] = [
    {
      ...shared,
      name: `${op.name}, ${sample.name}`,
      build: () => ({ graph: buildGraph(named(applySample(op, sample).outputs, 'y')), feeds }),
    },
  ];
  if (op.onnxInPlace) {
    const pairs = Object.entries(op.onnxInPlace).map(([output, operand]) => [`y${output}`, `x${operand}`]);
    const inPlace = Object.fromEntries(pairs) as Record<string, string>;
    cases.push({
      ...shared,
      name: `${op.name}, ${sample.name}, written in place`,
      build: () => ({ graph: buildGraph(named(applySample(op, sample).outputs, 'y'), { inPlace }), feeds }),
    });
  }
  if (op.vjp === 'nondifferentiable' || sample.skipGradient !== undefined) return cases;
  cases.push({
    ...shared,
    name: `${op.name}, ${sample.name}, gradient`,
    build: () => {
      const { outputs, leaves } = applySample(op, sample);
      const wrt = differentiable(leaves);
      if (wrt.length === 0) return undefined;
      const y = at(outputs, 0);
      const found = vjp([[y, input('dy', 'f32', y.type.shape)]], wrt);
      return { graph: buildGraph(named(found, 'g')), feeds: { ...feeds, dy: normal(y.type.shape, 99) } };
    },
  });
  return cases;
}

/** Forward, in place and gradient of every sample of every op. */
export const opCases: readonly OpCase[] = ops.flatMap((op) =>
  (op.samples?.() ?? []).flatMap((sample, index) => sampleCases(op, sample, index === 0)),
);

/** Largest difference relative to the largest finite magnitude; infinities and NaN must agree exactly. */
export function distance(found: ArrayLike<number>, expected: ArrayLike<number>): number {
  const finite = Array.from(expected).filter(Number.isFinite);
  const scale = Math.max(1e-30, ...finite.map(Math.abs));
  let worst = 0;
  for (let i = 0; i < expected.length; i++) {
    const want = Math.fround(expected[i] as number);
    const have = found[i] as number;
    if (Number.isFinite(want)) worst = Math.max(worst, Number.isNaN(have) ? Infinity : Math.abs(have - want) / scale);
    else if (!Object.is(have, want)) return Number.POSITIVE_INFINITY;
  }
  return worst;
}

/** The output furthest from the reference, and how far; undefined for a case with nothing to compute. */
export async function opError(
  engine: Engine,
  { build }: OpCase,
): Promise<{ readonly output: string; readonly error: number } | undefined> {
  const built = build();
  if (!built) return undefined;
  const { graph, feeds } = built;
  const used = new Set(graph.leaves.map(({ name }) => name));
  const dense = Object.fromEntries(Object.entries(feeds).filter(([name]) => used.has(name)));
  const expected = evaluate(graph, dense);
  const program = await engine.load(graph);
  try {
    const tensors = Object.entries(dense).map(([name, { dtype, shape, data }]) => [name, tensor(dtype, shape, data)]);
    const found = await program.run(Object.fromEntries(tensors) as Parameters<typeof program.run>[0]);
    const errors = Object.entries(expected).map(([output, want]) => ({
      output,
      error: distance(found[output]?.data ?? [], want.data),
    }));
    return errors.reduce((worst, each) => (each.error > worst.error ? each : worst));
  } finally {
    program.release();
  }
}
