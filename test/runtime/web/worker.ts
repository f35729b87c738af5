/** What the tests of the web engine do inside a browser's worker; each task answers with plain data. */
import { buildGraph, input } from '../../../src/ir/graph.ts';
import { takeAlong } from '../../../src/ir/ops/takeAlong.ts';
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
    const [x, index] = [input('x', 'i32', [3]), input('index', 'i32', [2])];
    await engine.load(buildGraph({ y: takeAlong(x, index) }));
  },
};

addEventListener('message', ({ data: { name, options, only } }: MessageEvent<Task>) => {
  tasks[name](options, only).then(
    (answer) => postMessage({ answer }),
    (error: unknown) => postMessage({ failed: textOf(error) }),
  );
});
