import { readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

/** The parts of node-llama-cpp's addon that the tests call. */
interface Addon {
  readonly AddonModel: new (path: string, options: object) => AddonModel;
  readonly AddonContext: new (model: AddonModel, options: object) => AddonContext;
  readonly AddonSampler: new (model: AddonModel) => { applyConfig(config: object): void; dispose(): void };
  readonly AddonJinjaRenderer: new (template: string) => { render(variables: object): string };
  setLoggerLogLevel(level: number): void;
  loadBackends(folder: string): void;
  init(): Promise<void>;
}

interface AddonModel {
  init(): Promise<boolean>;
  dispose(): Promise<void>;
  tokenize(text: string, special: boolean): Uint32Array;
  tokenEos(): number;
  isEogToken(token: number): boolean;
  shouldPrependBosToken(): boolean;
}

interface AddonContext {
  init(): Promise<boolean>;
  dispose(): Promise<void>;
  initBatch(size: number): void;
  addToBatch(sequence: number, first: number, tokens: Uint32Array, wanted: Uint32Array): Uint32Array;
  decodeBatch(): Promise<void>;
  sampleToken(
    index: number,
    sampler: object,
    probabilities: boolean,
    confidence: boolean,
    logits: boolean,
  ): Promise<[token: number, probabilities: undefined, confidence: undefined, logits: number[]]>;
}

const require = createRequire(import.meta.url);

function open(): Addon | undefined {
  try {
    const bins = join(dirname(dirname(require.resolve('@node-llama-cpp/linux-x64'))), 'bins');
    const folder = join(bins, readdirSync(bins)[0] ?? '');
    const addon = require(join(folder, 'llama-addon.node')) as Addon;
    addon.setLoggerLogLevel(1);
    addon.loadBackends(folder);
    return addon;
  } catch {
    return undefined;
  }
}

const addon = open();

/** Why llama.cpp cannot run here; false where it can. */
export const withoutLlama: string | false = addon === undefined ? 'llama.cpp comes for Linux x64 only' : false;

export interface Llama {
  tokenize(text: string): number[];
  /** Logits of the token after `ids`. */
  logits(ids: readonly number[]): Promise<Float64Array>;
  /** The most likely tokens after `ids`, at most `count`, up to one that ends a turn. */
  greedy(ids: readonly number[], count: number): Promise<number[]>;
  close(): Promise<void>;
}

/** Opens a GGUF file in llama.cpp, on the CPU. */
export async function openLlama(path: string, vocabSize: number): Promise<Llama> {
  if (!addon) throw new Error('llama.cpp is not there');
  await addon.init();
  const model = new addon.AddonModel(path, { gpuLayers: 0, useMmap: true, addonExports: addon });
  if (!(await model.init())) throw new Error(`llama.cpp does not load ${path}`);
  const sampler = new addon.AddonSampler(model);
  sampler.applyConfig({ temperature: 0 });

  async function next(ids: readonly number[]): Promise<{ token: number; logits: Float64Array }> {
    if (!addon) throw new Error('llama.cpp is not there');
    const options = { contextSize: 512, batchSize: 512, sequences: 1, flashAttention: false, threads: 1 };
    const context = new addon.AddonContext(model, options);
    await context.init();
    context.initBatch(ids.length);
    const [index = 0] = context.addToBatch(0, 0, Uint32Array.from(ids), Uint32Array.of(ids.length - 1));
    await context.decodeBatch();
    const [token, , , pairs] = await context.sampleToken(index, sampler, false, false, true);
    await context.dispose();
    const logits = new Float64Array(vocabSize).fill(Number.NaN);
    for (let i = 0; i < pairs.length; i += 2) logits[pairs[i] ?? 0] = pairs[i + 1] ?? 0;
    return { token, logits };
  }

  return {
    tokenize: (text) => [...model.tokenize(text, true)],
    logits: async (ids) => (await next(ids)).logits,
    greedy: async (ids, count) => {
      const all = [...ids];
      while (all.length < ids.length + count) {
        const { token } = await next(all);
        if (model.isEogToken(token)) break;
        all.push(token);
      }
      return all.slice(ids.length);
    },
    close: () => model.dispose(),
  };
}

/** The tokenizer of a GGUF file in llama.cpp, without its weights. */
export async function openLlamaVocabulary(path: string): Promise<Pick<Llama, 'tokenize' | 'close'>> {
  if (!addon) throw new Error('llama.cpp is not there');
  await addon.init();
  const model = new addon.AddonModel(path, { vocabOnly: true, addonExports: addon });
  if (!(await model.init())) throw new Error(`llama.cpp does not load ${path}`);
  return { tokenize: (text) => [...model.tokenize(text, true)], close: () => model.dispose() };
}

/** A chat template as llama.cpp renders it. */
export function renderInLlama(template: string, variables: object): string {
  if (!addon) throw new Error('llama.cpp is not there');
  return new addon.AddonJinjaRenderer(template).render(variables);
}
