import { setImmediate as immediate } from 'node:timers/promises';
import koffi from 'koffi';
import type { Graph } from '../../ir/graph.ts';
import { simplify } from '../../ir/simplify.ts';
import { verify } from '../../ir/verify.ts';
import type { Program, ProgramMemory, Tensors } from '../engine.ts';
import { evaluateNode } from '../evaluate.ts';
import type { Life } from '../life.ts';
import { type EncodedPlan, encodePlan, type Numbers } from '../native/encode.ts';
import { type Plan, planGraph } from '../native/plan.ts';
import { bindings, checkedInputs, placeOutputs, prebindInputs } from '../program.ts';
import type { RunQueue } from '../runQueue.ts';
import type { Tensor } from '../tensor.ts';
import { formOf } from '../weights.ts';
import type { NativeFunctions } from './native-library.ts';
import { nativeCall } from './nativeCall.ts';

/** What the programs of an engine share. */
export interface NativeContext {
  readonly functions: NativeFunctions;
  readonly numbers: Numbers;
  readonly address: bigint;
  readonly queue: RunQueue;
  readonly engine: Life;
  readonly precision: 'fp32' | 'bf16';
}

/** The text that the library wrote. */
export const messageOf = (error: Uint8Array): string => new TextDecoder().decode(error.subarray(0, error.indexOf(0)));

/** The memory of a run as the library takes it. */
interface Arrangement {
  readonly addresses: BigUint64Array;
  /** 1 where f32 are held in bf16. */
  readonly forms: Uint8Array;
  readonly held: readonly Memory[];
}

type Memory = Tensor['data'] | Uint16Array;

/** Memory of less is seldom neighbour to enough of its kind to fill a large page. */
const smallBytes = 1 << 12;

interface Weights {
  readonly halves: Readonly<Record<string, Uint16Array>>;
  readonly values: Tensors;
}

/** TypeError on memory that may move while the library uses it. */
function addressOf(data: Memory): bigint {
  const { buffer } = data;
  if (buffer instanceof ArrayBuffer ? buffer.resizable : buffer.growable)
    throw new TypeError('Expected a tensor over memory of fixed length but found a resizable buffer');
  return koffi.address(data);
}

/** A graph as the library reads it, letting timers and input through between the stages, which take tens of milliseconds each. */
async function compile(graph: Graph, numbers: Numbers): Promise<{ plan: Plan; encoded: EncodedPlan }> {
  await immediate();
  verify(graph);
  await immediate();
  const simplified = simplify(graph, evaluateNode);
  await immediate();
  const plan = await planGraph(simplified, () => immediate());
  const encoded = encodePlan(plan, numbers);
  await immediate();
  return { plan, encoded };
}

/** What runs of a graph will need; what kernels pack operands into, some ten megabytes, is not in it. */
export async function planNativeMemory({ numbers, engine }: NativeContext, graph: Graph): Promise<ProgramMemory> {
  engine.check();
  const { plan, encoded } = await compile(graph, numbers);
  const ownBytes = encoded.constants.byteLength + encoded.words.byteLength;
  return { scratchBytes: plan.arena.bytes, ownBytes, narrow: plan.narrow };
}

export async function loadNativeProgram(context: NativeContext, graph: Graph): Promise<Program> {
  const { functions, numbers, queue, engine } = context;
  engine.check();
  const { plan, encoded } = await compile(graph, numbers);
  const { words, constants } = encoded;
  engine.check();
  const error = new Uint8Array(new ArrayBuffer(512));
  const address = functions.tl_program_load(
    context.address,
    words,
    words.length,
    constants,
    constants.length,
    error,
    error.length,
  );
  if (address === null) throw new Error(messageOf(error));
  const program = engine.part('a loaded program but it was released', () => {
    // A run under way ends first.
    void queue.later(async () => functions.tl_program_release(address));
  });
  const bound = bindings(graph);

  let kept: Weights | undefined;
  /** The weights that are held in bf16, and the others. They stay where they are, and there are hundreds: asking for all of them again takes as long as kernels of small steps. */
  const weights = async (): Promise<Weights> => {
    if (kept) return kept;
    const halves: Record<string, Uint16Array> = {};
    for (const name of plan.narrow) {
      const weight = bound.weights.get(name);
      if (weight?.bf16 && formOf(weight, context.precision) === 'bf16') halves[name] = await weight.bf16();
    }
    const found = { halves, values: await bound.values(new Set(Object.keys(halves))) };
    if ([...bound.weights.values()].every(({ transient }) => transient !== true)) kept = found;
    return found;
  };
  const known = new WeakMap<Memory, bigint>();
  /** The address of memory that was checked, and so was not transferred away. */
  const placeOf = (data: Memory): bigint => {
    const address = known.get(data) ?? addressOf(data);
    known.set(data, address);
    return address;
  };
  /** Asks for large pages beneath leaves that no run has read yet: small ones cost up to a third of the speed that memory is read at. */
  const enlarge = async (leaves: readonly Memory[]): Promise<void> => {
    const fresh = leaves.filter((data) => data.byteLength >= smallBytes && !known.has(data));
    if (fresh.length === 0) return;
    const addresses = BigUint64Array.from(fresh, placeOf);
    const sizes = BigUint64Array.from(fresh, ({ byteLength }) => BigInt(byteLength));
    await nativeCall<void>([addresses, sizes, fresh], (done) =>
      functions.tl_use_large_pages.async(addresses, sizes, fresh.length, done),
    );
  };
  const arrange = async (
    leaves: Tensors,
    halves: Readonly<Record<string, Uint16Array>>,
    outputs: Tensors,
  ): Promise<Arrangement> => {
    const memory = [
      ...plan.leaves.map((name) => halves[name] ?? leaves[name]?.data),
      ...plan.outputs.map((name) => outputs[name]?.data),
    ];
    const held = memory.map((data) => {
      if (!data) throw new RangeError('Expected a tensor for every leaf and output but found none');
      return data;
    });
    await enlarge(held.slice(0, plan.leaves.length));
    const forms = Uint8Array.from(held, (data) => (data instanceof Uint16Array ? 1 : 0));
    return { addresses: BigUint64Array.from(held, placeOf), forms, held };
  };
  /** The library's complaint of a run, with the op and the place that its kernel computed. */
  const failure = (text: Uint8Array): Error => {
    const [, call, complaint] = /^call (\d+): (.*)$/s.exec(messageOf(text)) ?? [];
    const step = plan.steps[Number(call)];
    return new Error(step?.kind === 'kernel' ? `${step.origin}: ${complaint}` : messageOf(text));
  };
  const later = async ({ addresses, forms, held }: Arrangement): Promise<void> => {
    const text = new Uint8Array(new ArrayBuffer(512));
    const status = await nativeCall<number>([addresses, forms, held, text], (done) =>
      functions.tl_program_run.async(address, addresses, forms, addresses.length, text, text.length, done),
    );
    if (status !== 0) throw failure(text);
    bound.touchWritten();
  };
  const now = ({ addresses, forms }: Arrangement): void => {
    if (functions.tl_program_run(address, addresses, forms, addresses.length, error, error.length) !== 0)
      throw failure(error);
    bound.touchWritten();
  };

  return {
    graph,
    bind: (leaf, weight) => {
      kept = undefined;
      bound.bind(leaf, weight);
    },
    run: (inputs, options = {}) =>
      queue.later(async () => {
        program.check();
        const fed = checkedInputs(graph, inputs);
        const { halves, values } = await weights();
        const leaves = { ...fed, ...values };
        const outputs = placeOutputs(graph, leaves, options);
        await later(await arrange(leaves, halves, outputs));
        return outputs;
      }),
    prebind: async (options = {}) => {
      program.check();
      const { halves, values } = await weights();
      program.check();
      const inputs = prebindInputs(graph, options.inputs);
      const leaves = { ...inputs, ...values };
      const outputs = placeOutputs(graph, leaves, options);
      const arrangement = await arrange(leaves, halves, outputs);
      const prebound = program.part('a prebound run but it was released', () => {});
      return {
        inputs,
        outputs,
        run: () =>
          queue.later(() => {
            prebound.check();
            return later(arrangement);
          }),
        runSync: () =>
          queue.now(() => {
            prebound.check();
            now(arrangement);
          }),
        release: prebound.end,
      };
    },
    release: program.end,
  };
}
