import { buildGraph, type Graph, parameter } from '../ir/graph.ts';
import { add } from '../ir/ops/add.ts';
import { mul } from '../ir/ops/mul.ts';
import { sum } from '../ir/ops/reduceSum.ts';
import type { Shape } from '../ir/types.ts';
import type { Program } from '../runtime/engine.ts';
import type { WeightHandle } from '../runtime/weights.ts';

const leaf = (part: number): string => `gradients ${part}`;

/** Σ g² over gradients of these shapes. */
export function squaresGraph(shapes: readonly Shape[]): Graph {
  const squares = shapes.map((shape, part) => {
    const g = parameter(leaf(part), shape);
    return sum(mul(g, g));
  });
  return buildGraph({ squares: squares.reduce((total, square) => add(total, square)) });
}

/** Sums of squares that f32 holds without loss; others are summed again in f64. */
const [least, most] = [1e-24, 1e36];

/** ‖g‖ of gradients, by the engine that has them; NaN and infinity come through. */
export async function gradientNorm(program: Program, gradients: readonly WeightHandle[]): Promise<number> {
  const { squares } = await program.run({});
  const [square = Number.NaN] = squares?.data ?? [];
  if (square >= least && square <= most) return Math.sqrt(square);
  let total = 0;
  for (const { f32 } of gradients) {
    const values = await f32();
    // By index: walking a typed array's iterator takes fifteen times as long.
    for (let i = 0; i < values.length; i++) {
      const value = values[i] ?? 0;
      total += value * value;
    }
  }
  return Math.sqrt(total);
}

/** Ties the program to its gradients. */
export function bindGradients(program: Program, gradients: readonly WeightHandle[]): Program {
  gradients.forEach((gradient, part) => program.bind(leaf(part), gradient));
  return program;
}
