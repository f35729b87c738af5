import type { Graph } from '../ir/graph.ts';
import type { RandomService } from './random.ts';
import type { Tensor } from './tensor.ts';
import type { WeightHandle } from './weights.ts';
import type { WeightScans } from './weightScans.ts';

/** What an engine holds, beside the weights themselves. */
export interface MemoryReport {
  /** Memory for values inside programs: held now, and the most that runs had in use; undefined where the engine cannot tell. */
  readonly scratchBytes: number | undefined;
  readonly peakScratchBytes: number | undefined;
  readonly programs: number;
}

/** What runs of a program will need beside its leaves and outputs, known before anything is loaded. */
export interface ProgramMemory {
  /** Values between leaves and outputs. The programs of an engine share this memory, so the largest counts. */
  readonly scratchBytes: number;
  /** What the program holds while it is loaded: constants, buffers that the host fills, copies of outputs. */
  readonly ownBytes: number;
  /** Parameters that the program reads in bf16 as well as in f32; none where an engine does not say. */
  readonly narrow?: readonly string[];
}

export interface RunOptions {
  /** Where outputs go; an output that is not named here gets memory of its own. */
  readonly outputs?: Readonly<Record<string, Tensor>>;
}

export type Tensors = Readonly<Record<string, Tensor>>;

/** Memory that a prebound run is tied to; what is not named here gets memory of its own. */
export interface PrebindOptions extends RunOptions {
  readonly inputs?: Tensors;
}

/**
 * A program tied to fixed memory, for small steps: write into `inputs`, run, read `outputs`. An output in place shares its
 * leaf's memory: a weight's, or an input's, which is state that the next run goes on from. Weights are those that were
 * bound when it was made.
 */
export interface PreboundRun {
  readonly inputs: Tensors;
  readonly outputs: Tensors;
  run(): Promise<void>;
  /** Runs on the calling thread. Throws TypeError on an engine that cannot, Error while other runs of the engine are under way. */
  runSync(): void;
  /** Frees what it holds, the tensors not; the program's release does too. */
  release(): void;
}

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
  /** Ties inputs, outputs and the bound weights to memory once. Throws as `run` does. */
  prebind(options?: PrebindOptions): Promise<PreboundRun>;
  /** Frees what the program holds; running it afterwards throws. */
  release(): void;
}

/** Something that runs programs: the f64 reference, ONNX Runtime, native kernels. */
export interface Engine {
  readonly name: string;
  /** Precision of products and sums. */
  readonly precision: 'f64' | 'fp32' | 'bf16';
  /** What it chose of the processor's instructions, where it chooses. */
  readonly instructionSet?: string;
  /** Whether loading a program takes about as long as running it, and memory that stays: few shapes are then better than little padding. */
  readonly slowToLoad?: boolean;
  /** Random numbers, the same on every engine and for every number of threads. */
  readonly random: RandomService;
  /** Looks through weights that are read for it; on the calling thread where it has no way of its own. */
  readonly scans?: WeightScans;
  /** Compiles a graph. Throws, naming the op, when something in it is not covered. */
  load(graph: Graph): Promise<Program>;
  /** Plans memory without compiling. Throws as `load` does. */
  plan(graph: Graph): Promise<ProgramMemory>;
  memory(): MemoryReport;
  /** Releases every program; loading and running afterwards throw. */
  close(): void;
}
