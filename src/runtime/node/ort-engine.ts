import { availableParallelism } from 'node:os';
import { setImmediate as immediate } from 'node:timers/promises';
import type { Graph } from '../../ir/graph.ts';
import { at } from '../../ir/graph.ts';
import { simplify } from '../../ir/simplify.ts';
import { verify } from '../../ir/verify.ts';
import type { Engine, Program, RunOptions, Tensors } from '../engine.ts';
import { evaluateNode } from '../evaluate.ts';
import { encodeOnnx } from '../onnx/encode.ts';
import { lower } from '../onnx/lower.ts';
import { bindings, checkedInputs, placeOutputs } from '../program.ts';
import { allocate, type Tensor } from '../tensor.ts';
import { type FillPool, fillPool } from './fill-pool.ts';
import { randomPool } from './random-pool.ts';
import { openOnnxRuntime, type OrtRuntime, type OrtTensor } from './ort-api.ts';

export interface OrtEngineOptions {
  /** Threads of the pool that all programs share; default: all cores. */
  readonly threads?: number;
  readonly libraryPath?: string;
  /** Path prefix of a trace of every node of every run. */
  readonly profile?: string;
}

/**
 * ONNX Runtime's CPU provider through its C API: fp32, off the event loop, one arena and one thread pool for all
 * programs. Throws Error when the library is missing, of another version, or fails its self-test.
 */
export function ortEngine(options: OrtEngineOptions = {}): Engine {
  const threads = options.threads ?? availableParallelism();
  const runtime = openOnnxRuntime({
    threads,
    ...(options.libraryPath === undefined ? {} : { libraryPath: options.libraryPath }),
  });
  const pool = fillPool(threads);
  const running = { last: Promise.resolve() };
  let programs = 0;
  /** One run at a time: programs share weights that a run may overwrite. */
  const queued = <T>(work: () => Promise<T>): Promise<T> => {
    const result = running.last.then(work);
    running.last = result.then(
      () => undefined,
      () => undefined,
    );
    return result;
  };
  return {
    name: 'ort',
    precision: 'fp32',
    random: randomPool(pool, threads),
    load: async (graph) => {
      const program = await loadProgram({ runtime, pool }, graph, options, queued, () => programs--);
      programs++;
      return program;
    },
    memory: () => {
      const { reservedBytes, peakInUseBytes } = runtime.memory();
      return { scratchBytes: reservedBytes, peakScratchBytes: peakInUseBytes, programs };
    },
    close: () => {
      pool.close();
      runtime.close();
    },
  };
}

async function loadProgram(
  { runtime, pool }: { readonly runtime: OrtRuntime; readonly pool: FillPool },
  graph: Graph,
  options: OrtEngineOptions,
  queued: <T>(work: () => Promise<T>) => Promise<T>,
  onRelease: () => void,
): Promise<Program> {
  // Each stage of compiling takes tens of milliseconds: timers and input run between them.
  await immediate();
  verify(graph);
  await immediate();
  const simplified = simplify(graph, evaluateNode);
  await immediate();
  const { model, hostFills, aliased } = await lower(simplified, () => immediate());
  await immediate();
  const encoded = encodeOnnx(model);
  await immediate();
  const session = await runtime.createSessionAsync(encoded, {
    optimization: 'basic',
    ...(options.profile === undefined ? {} : { profile: options.profile }),
  });
  const bound = bindings(graph);
  const filled = hostFills.map(({ value: { type } }) => allocate(type.dtype, type.shape, { shared: true }));
  /** Weights keep their native tensors; what is fed or returned has its own for one run. */
  const weights = new Map<string, OrtTensor>();
  const weight = (name: string, { dtype, shape, data }: Tensor): OrtTensor => {
    const known = weights.get(name);
    if (known?.data === data) return known;
    known?.release();
    const made = runtime.tensor(dtype, shape, data);
    weights.set(name, made);
    return made;
  };
  const wanted = new Set(session.inputNames);
  let released = false;

  const runOnce = async (inputs: Tensors, runOptions: RunOptions): Promise<Tensors> => {
    if (released) throw new TypeError('Expected a loaded program but it was released');
    const values = await bound.values();
    const leaves: Record<string, Tensor> = { ...checkedInputs(graph, inputs), ...values };
    const outputs = placeOutputs(graph, leaves, runOptions);
    const own: OrtTensor[] = [];
    const once = ({ dtype, shape, data }: Tensor): OrtTensor => {
      const made = runtime.tensor(dtype, shape, data);
      own.push(made);
      return made;
    };
    const native = (name: string, tensor: Tensor): OrtTensor => (name in values ? weight(name, tensor) : once(tensor));
    try {
      const feeds: Record<string, OrtTensor> = {};
      for (const [name, leaf] of Object.entries(leaves))
        if (wanted.has(`in:${name}`)) feeds[`in:${name}`] = native(name, leaf);
      await pool.fill(
        hostFills.map(({ value: { node }, leaves: sources }, index) => {
          const given = sources.flatMap((source) => leaves[source]?.data ?? []);
          return { op: node.op.name, inputs: given, attrs: node.attrs, out: at(filled, index).data };
        }),
      );
      hostFills.forEach(({ name }, index) => {
        feeds[name] = once(at(filled, index));
      });
      const targets: Record<string, OrtTensor> = {};
      const copies: [Tensor, Tensor][] = [];
      for (const [name, output] of Object.entries(outputs)) {
        const leaf = graph.inPlace.get(name);
        if (leaf !== undefined && aliased.has(name)) targets[`out:${name}`] = native(leaf, output);
        else {
          const target = leaf === undefined ? output : allocate(output.dtype, output.shape);
          if (leaf !== undefined) copies.push([output, target]);
          targets[`out:${name}`] = once(target);
        }
      }
      await session.run(feeds, targets);
      for (const [output, target] of copies) output.data.set(target.data);
    } finally {
      for (const made of own) made.release();
    }
    bound.touchWritten();
    return outputs;
  };

  return {
    graph,
    bind: bound.bind,
    run: (inputs, runOptions = {}) => queued(() => runOnce(inputs, runOptions)),
    release: () => {
      if (released) return;
      released = true;
      for (const made of weights.values()) made.release();
      weights.clear();
      session.release();
      onRelease();
    },
  };
}
