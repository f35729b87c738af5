import type * as Ort from 'onnxruntime-web';
import type { Graph } from '../../ir/graph.ts';
import type { DType } from '../../ir/types.ts';
import type { Program, ProgramMemory, Tensors } from '../engine.ts';
import type { Life } from '../life.ts';
import { type CompiledGraph, compileOnnx, planOnnx } from '../onnx/compile.ts';
import { wasmTarget, webgpuTarget } from '../onnx/target.ts';
import { bindings, checkedInputs, placeOutputs, prebindInputs } from '../program.ts';
import type { RunQueue } from '../runQueue.ts';
import { allocate, type Tensor, type TensorData } from '../tensor.ts';
import type { WeightHandle } from '../weights.ts';
import { culprit } from './culprit.ts';
import type { GpuWeights } from './gpu-weights.ts';
import type { WebProvider } from './ort-web.ts';

/** What the programs of an engine share. */
export interface ProgramContext {
  readonly ort: typeof Ort;
  readonly provider: WebProvider;
  readonly engine: Life;
  /** Sessions are made, run and released one after another: they share one runtime, and weights that a run may overwrite. */
  readonly queue: RunQueue;
  /** WebGPU's device, and the weights that lie on it. */
  readonly gpu: { readonly device: GPUDevice; readonly weights: GpuWeights } | undefined;
}

const targets = { wasm: wasmTarget, webgpu: webgpuTarget };
const ortTypes: Readonly<Record<DType, 'float32' | 'int32' | 'bool' | 'uint8'>> = {
  f32: 'float32',
  i32: 'int32',
  bool: 'bool',
  u8: 'uint8',
};

const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve));

function createSession({ ort, gpu }: ProgramContext, { bytes }: CompiledGraph): Promise<Ort.InferenceSession> {
  return ort.InferenceSession.create(bytes, {
    // WebGPU's own layout and the optimizer move transpositions to integers, for which WebGPU has no kernel.
    executionProviders: [gpu ? { name: 'webgpu', device: gpu.device, preferredLayout: 'NCHW' } : 'wasm'],
    graphOptimizationLevel: gpu ? 'disabled' : 'basic',
    enableMemPattern: false,
    // Errors are thrown; the log would print them once more.
    logSeverityLevel: 4,
    // A node that WebGPU cannot run would otherwise run on the CPU without a word.
    ...(gpu ? { extra: { session: { disable_cpu_ep_fallback: '1' } } } : {}),
  });
}

/** A session; where there is none, TypeError that names the first op at fault. */
async function openSession(
  context: ProgramContext,
  graph: Graph,
  compiled: CompiledGraph,
): Promise<Ort.InferenceSession> {
  try {
    return await createSession(context, compiled);
  } catch (cause) {
    const target = targets[context.provider];
    const found = await culprit(graph, async (part) => {
      const session = await createSession(context, await compileOnnx(part, target, pause));
      await session.release();
    });
    const text = cause instanceof Error ? cause.message : String(cause);
    throw new TypeError(`${target.name} cannot run ${found ?? 'the graph, though each of its ops alone'}: ${text}`, {
      cause,
    });
  }
}

/** What runs of a graph will need, inside ONNX Runtime's memory. */
export async function planProgram({ engine, provider }: ProgramContext, graph: Graph): Promise<ProgramMemory> {
  engine.check();
  return planOnnx(graph, targets[provider], pause);
}

/** Compiles a graph for ONNX Runtime, letting events through between the stages. */
export async function loadProgram(context: ProgramContext, graph: Graph): Promise<Program> {
  const { ort, provider, engine, queue, gpu } = context;
  engine.check();
  const compiled = await compileOnnx(graph, targets[provider], pause);
  engine.check();
  const session = await queue.later(() => openSession(context, graph, compiled));
  const bound = bindings(graph);
  const program = engine.part('a loaded program but it was released', () => {
    void queue.later(async () => {
      gpu?.weights.release(program);
      await session.release();
    });
  });

  /** Reads leaves, writes outputs. */
  const runOnce = async (
    leaves: Tensors,
    weights: ReadonlyMap<string, WeightHandle>,
    outputs: Tensors,
  ): Promise<void> => {
    const feeds: Record<string, Ort.Tensor> = hostFeeds(ort, compiled, leaves);
    for (const [name, leaf] of Object.entries(leaves)) {
      if (!compiled.inputs.has(`in:${name}`)) continue;
      const weight = weights.get(name);
      feeds[`in:${name}`] = gpu && weight ? await gpu.weights.tensor(weight, program) : tensorOf(ort, leaf);
    }
    const found = await session.run(feeds);
    for (const [name, { data }] of Object.entries(outputs)) data.set(dataOf(found, name));
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
        await runOnce(leaves, bound.weights, outputs);
        return outputs;
      }),
    prebind: async (options = {}) => {
      program.check();
      const values = await bound.values();
      program.check();
      const weights = new Map(bound.weights);
      const inputs = prebindInputs(graph, options.inputs);
      const leaves = { ...inputs, ...values };
      const outputs = placeOutputs(graph, leaves, options);
      const prebound = program.part('a prebound run but it was released', () => {});
      return {
        inputs,
        outputs,
        run: () =>
          queue.later(async () => {
            prebound.check();
            await runOnce(leaves, weights, outputs);
          }),
        runSync: () => {
          throw new TypeError('Expected run() on ONNX Runtime in a browser, which has no runSync()');
        },
        release: prebound.end,
      };
    },
    release: program.end,
  };
}

function tensorOf(ort: typeof Ort, { dtype, shape, data }: Tensor): Ort.Tensor {
  return new ort.Tensor(ortTypes[dtype], data, [...shape]);
}

/** What the host fills before a run. */
function hostFeeds(ort: typeof Ort, { hostFills }: CompiledGraph, leaves: Tensors): Record<string, Ort.Tensor> {
  const feeds: Record<string, Ort.Tensor> = {};
  for (const { name, value, leaves: sources } of hostFills) {
    const filled = allocate(value.type.dtype, value.type.shape);
    const given = sources.flatMap((source) => leaves[source]?.data ?? []);
    value.node.op.host?.(given, value.node.attrs, filled.data);
    feeds[name] = tensorOf(ort, filled);
  }
  return feeds;
}

function dataOf(found: Ort.InferenceSession.OnnxValueMapType, name: string): TensorData {
  const value = found[`out:${name}`];
  if (!value || !('data' in value)) throw new TypeError(`Expected output ${name} of the run but found none`);
  return value.data as TensorData;
}
