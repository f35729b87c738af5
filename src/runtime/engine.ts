import type { Graph } from '../ir/graph.ts';
import type { RandomService } from './random.ts';
import type { Tensor } from './tensor.ts';
import type { WeightHandle } from './weights.ts';

/** What an engine holds, beside the weights themselves. */
export interface MemoryReport {
  /** Memory for values inside programs: held now, and the most that runs had in use. */
  readonly scratchBytes: number;
  readonly peakScratchBytes: number;
  readonly programs: number;
}

export interface RunOptions {
  /** Where outputs go; an output that is not named here gets memory of its own. */
  readonly outputs?: Readonly<Record<string, Tensor>>;
}

export type Tensors = Readonly<Record<string, Tensor>>;

/** A compiled graph with its parameters bound. */
export interface Program {
  readonly graph: Graph;
  /** Ties a parameter leaf to a weight. Throws RangeError on another shape and on an unknown name. */
  bind(leaf: string, weight: WeightHandle): void;
  /**
   * Runs once. Inputs are read, outputs written; an output that the graph declares in place is written over its leaf,
   * and a weight overwritten so gets a new version. Runs of one engine are carried out one after another.
   * Throws with op, name, expected and found; the program stays usable.
   */
  run(inputs: Tensors, options?: RunOptions): Promise<Tensors>;
  /** Frees what the program holds; running it afterwards throws. */
  release(): void;
}

/** Something that runs programs: the f64 reference, ONNX Runtime, native kernels. */
export interface Engine {
  readonly name: string;
  /** Precision of products and sums. */
  readonly precision: 'f64' | 'fp32' | 'bf16';
  /** Random numbers, the same on every engine and for every number of threads. */
  readonly random: RandomService;
  /** Compiles a graph. Throws, naming the op, when something in it is not covered. */
  load(graph: Graph): Promise<Program>;
  memory(): MemoryReport;
  close(): void;
}
