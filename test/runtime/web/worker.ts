/** What the tests of the web engine do inside a browser's worker; each task answers with plain data. */
import { i32 } from '../../../src/ir/dense.ts';
import { apply1, buildGraph, input } from '../../../src/ir/graph.ts';
import { defineOp } from '../../../src/ir/op.ts';
import { tensorType } from '../../../src/ir/types.ts';
import { webEngine, type WebEngineOptions } from '../../../src/runtime/web/web-engine.ts';
import { engineCases } from '../engineConformance.ts';
import { opCases, opError } from '../opCases.ts';
import { trainingCases, trainingError } from '../trainingCases.ts';
import { randomNumbers } from './randomNumbers.ts';

export interface Task {
  readonly name: keyof typeof tasks;
  readonly options: WebEngineOptions;
  /** Names of op cases; all unless given. */
  readonly only?: readonly string[];
}

/** How far a case is from the reference, or what it was refused with. */
export interface Outcome {
  readonly output?: string;
  readonly error?: number;
  readonly refused?: string;
}

const textOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

async function outcomes<C extends { readonly name: string }>(
  cases: readonly C[],
  run: (each: C) => Promise<Outcome | undefined>,
): Promise<Record<string, Outcome>> {
  const found: Record<string, Outcome> = {};
  for (const each of cases) {
    try {
      found[each.name] = (await run(each)) ?? {};
    } catch (error) {
      found[each.name] = { refused: textOf(error) };
    }
  }
  return found;
}

/** Every op of the language runs on WebGPU: this one is emitted as an operator that has no kernel for integers there. */
const sliceOfInts = defineOp({
  name: 'sliceOfInts',
  formula: 'y = x[0:2]',
  infer: () => [tensorType('i32', [2])],
  vjp: 'nondifferentiable',
  reference: () => [i32([2], [0, 0])],
  onnx: (emit, inputs) => [emit.node('Slice', [...inputs, emit.ints([0]), emit.ints([2])])],
  samples: () => [],
});

const tasks = {
  describe: async (options: WebEngineOptions) => (await webEngine(options)).description,
  ops: async (options: WebEngineOptions, only?: readonly string[]) => {
    const engine = await webEngine(options);
    return outcomes(
      opCases.filter(({ name }) => only?.includes(name) ?? true),
      (each) => opError(engine, each),
    );
  },
  training: async (options: WebEngineOptions) => {
    const engine = await webEngine(options);
    return outcomes(trainingCases, async (each) => ({ error: await trainingError(engine, each) }));
  },
  engine: async (options: WebEngineOptions, only?: readonly string[]) => {
    const expect = {
      open: () => webEngine(options),
      synchronous: false,
      indexOutside: options.provider === 'webgpu' ? undefined : /indices element out of data bounds/,
    };
    const engine = await expect.open();
    const cases = engineCases.filter(({ name }) => only?.includes(name) ?? true);
    return outcomes(cases, async ({ run }) => {
      await run(engine, expect);
      return undefined;
    });
  },
  random: async (options: WebEngineOptions) => randomNumbers((await webEngine(options)).random),
  integers: async (options: WebEngineOptions) => {
    const engine = await webEngine(options);
    await engine.load(buildGraph({ y: apply1(sliceOfInts, [input('x', 'i32', [3])], {}) }));
  },
};

addEventListener('message', ({ data: { name, options, only } }: MessageEvent<Task>) => {
  tasks[name](options, only).then(
    (answer) => postMessage({ answer }),
    (error: unknown) => postMessage({ failed: textOf(error) }),
  );
});
