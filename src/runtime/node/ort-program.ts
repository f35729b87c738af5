import { setImmediate as immediate } from 'node:timers/promises';
import { at, type Graph } from '../../ir/graph.ts';
import type { Op } from '../../ir/op.ts';
import type { Program, Tensors } from '../engine.ts';
import type { Life } from '../life.ts';
import { compileOnnx } from '../onnx/compile.ts';
import { cpuTarget } from '../onnx/target.ts';
import { bindings, checkedInputs, placeOutputs, prebindInputs } from '../program.ts';
import type { RunQueue } from '../runQueue.ts';
import { allocate, type Tensor } from '../tensor.ts';
import type { FillPool, OpFill } from './fill-pool.ts';
import type { OrtRuntime, OrtTensor } from './ort-api.ts';

/** What the programs of an engine share. */
export interface ProgramContext {
  readonly runtime: OrtRuntime;
  readonly pool: FillPool;
  readonly queue: RunQueue;
  readonly engine: Life;
  readonly profile: string | undefined;
}

/** The native tensors of a run and what is done around it. */
interface Arrangement {
  readonly feeds: Readonly<Record<string, OrtTensor>>;
  readonly targets: Readonly<Record<string, OrtTensor>>;
  /** Buffers that the host fills before a run. */
  readonly fills: readonly (OpFill & { readonly host: Op['host'] })[];
  /** What follows a run: outputs over leaves that could not be written in place, new versions of weights. */
  finish(): void;
  release(): void;
}

/** Compiles a graph for ONNX Runtime, letting timers and input through between the stages. */
export async function loadProgram(context: ProgramContext, graph: Graph): Promise<Program> {
  const { runtime, pool, queue, engine, profile } = context;
  engine.check();
  const { bytes, hostFills, aliased, inputs: wanted } = await compileOnnx(graph, cpuTarget, () => immediate());
  engine.check();
  const session = await runtime.createSessionAsync(bytes, {
    optimization: 'basic',
    ...(profile === undefined ? {} : { profile }),
  });
  const bound = bindings(graph);
  const filled = hostFills.map(({ value: { type } }) => allocate(type.dtype, type.shape, { shared: true }));
  /** Weights keep their native tensors; what is fed or returned has its own for as long as it is arranged. */
  const weights = new Map<string, OrtTensor>();
  const weight = (name: string, { dtype, shape, data }: Tensor): OrtTensor => {
    const known = weights.get(name);
    if (known?.data === data) return known;
    known?.release();
    const made = runtime.tensor(dtype, shape, data);
    weights.set(name, made);
    return made;
  };
  const program = engine.part('a loaded program but it was released', () => {
    for (const made of weights.values()) made.release();
    weights.clear();
    session.release();
  });

  const arrange = (inputs: Tensors, values: Tensors, outputs: Tensors): Arrangement => {
    const leaves: Tensors = { ...inputs, ...values };
    const own: OrtTensor[] = [];
    const release = (): void => {
      for (const made of own) made.release();
    };
    const wrap = ({ dtype, shape, data }: Tensor): OrtTensor => {
      const made = runtime.tensor(dtype, shape, data);
      own.push(made);
      return made;
    };
    const native = (name: string, tensor: Tensor): OrtTensor => (name in values ? weight(name, tensor) : wrap(tensor));
    try {
      const feeds: Record<string, OrtTensor> = {};
      for (const [name, leaf] of Object.entries(leaves))
        if (wanted.has(`in:${name}`)) feeds[`in:${name}`] = native(name, leaf);
      const fills = hostFills.map(({ name, value: { node }, leaves: sources }, index) => {
        const out = at(filled, index);
        feeds[name] = wrap(out);
        const given = sources.flatMap((source) => leaves[source]?.data ?? []);
        return { op: node.op.name, inputs: given, attrs: node.attrs, out: out.data, host: node.op.host };
      });
      const targets: Record<string, OrtTensor> = {};
      const copies: [Tensor, Tensor][] = [];
      for (const [name, output] of Object.entries(outputs)) {
        const leaf = graph.inPlace.get(name);
        if (leaf !== undefined && aliased.has(name)) targets[`out:${name}`] = native(leaf, output);
        else {
          const target = leaf === undefined ? output : allocate(output.dtype, output.shape);
          if (leaf !== undefined) copies.push([output, target]);
          targets[`out:${name}`] = wrap(target);
        }
      }
      const finish = (): void => {
        for (const [output, target] of copies) output.data.set(target.data);
        bound.touchWritten();
      };
      return { feeds, targets, fills, finish, release };
    } catch (error) {
      release();
      throw error;
    }
  };
  const fillLater = (fills: Arrangement['fills']): Promise<void> =>
    pool.fill(fills.map(({ op, inputs, attrs, out }) => ({ op, inputs, attrs, out })));

  return {
    graph,
    bind: bound.bind,
    run: (inputs, options = {}) =>
      queue.later(async () => {
        program.check();
        const values = await bound.values();
        const fed = checkedInputs(graph, inputs);
        const outputs = placeOutputs(graph, { ...fed, ...values }, options);
        const { feeds, targets, fills, finish, release } = arrange(fed, values, outputs);
        try {
          await fillLater(fills);
          await session.run(feeds, targets);
        } finally {
          release();
        }
        finish();
        return outputs;
      }),
    prebind: async (options = {}) => {
      program.check();
      const values = await bound.values();
      program.check();
      const inputs = prebindInputs(graph, options.inputs);
      const outputs = placeOutputs(graph, { ...inputs, ...values }, options);
      const { feeds, targets, fills, finish, release } = arrange(inputs, values, outputs);
      const call = session.prebind(feeds, targets);
      const prebound = program.part('a prebound run but it was released', () => {
        call.release();
        release();
      });
      const runSync = (): void => {
        prebound.check();
        for (const { host, inputs: given, attrs, out } of fills) host?.(given, attrs, out);
        call.runSync();
        finish();
      };
      return {
        inputs,
        outputs,
        run: () =>
          queue.later(async () => {
            prebound.check();
            await fillLater(fills);
            await call.run();
            finish();
          }),
        runSync: () => queue.now(runSync),
        release: prebound.end,
      };
    },
    release: program.end,
  };
}
