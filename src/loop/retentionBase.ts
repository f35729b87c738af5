import { z } from 'zod';
import type { TrainExample } from '../data/examples.ts';
import { createHash, joinPath, makeFolder, readOptionalJsonFile, writeFileAtomic } from '../hub/files.ts';
import { ownCache } from '../hub/node/ownCache.ts';
import type { ReadyModel } from './readyModel.ts';
import {
  abilityExamples,
  abilityItems,
  generalExamples,
  ownPrompts,
  retentionRows,
  sampledExamples,
  sampledLengths,
} from './retentionTexts.ts';
import { decodingWork } from './decoding.ts';
import { score, scoringWork } from './score.ts';
import { allOf, type Work } from './work.ts';

const setNames = ['general', 'own', 'user', 'target', 'abilities'] as const;
export type SetName = (typeof setNames)[number];

/** Of each text its tokens, the first one that counts, and the log-probabilities of those that do, which lie together. */
const setSchema = z.object({
  texts: z.array(z.object({ ids: z.array(z.int()), from: z.int() })),
  logprobs: z.array(z.array(z.number())),
});
const baseSchema = z.object({ key: z.string(), sets: z.partialRecord(z.enum(setNames), setSchema) });

/** Texts and what the base makes of them: the figures that later ones are compared with. */
export type RetentionBase = z.output<typeof baseSchema>;

/** Raised whenever the same model would get other figures. */
const version = 2;

const scoring = { batchSize: retentionRows };

/** Log-probabilities of the tokens that count, text by text. Those of like length are read together. */
export async function logprobsOf(loaded: ReadyModel, examples: readonly TrainExample[]): Promise<number[][]> {
  const texts: number[][] = examples.map(() => []);
  const placed = examples.map((example, place) => ({ ...example, index: place }));
  const sorted = placed.toSorted((a, b) => a.ids.length - b.ids.length);
  for await (const { index, mask, logprobs } of score(loaded, sorted, scoring))
    texts[index] = logprobs.filter((value, t): value is number => value !== null && mask[t] === 1);
  return texts;
}

/** What a base is measured on: texts, and prompts that it writes after. */
export interface RetentionTexts {
  readonly fixed: Readonly<Partial<Record<SetName, readonly TrainExample[]>>>;
  readonly prompts: Readonly<Record<'own' | 'target', readonly (readonly number[])[]>>;
}

export interface TextsOptions {
  readonly parameters: number;
  /** Prompts of the task. */
  readonly targetPrompts: readonly (readonly number[])[];
  /** Texts that the user wants kept. */
  readonly user: readonly TrainExample[] | undefined;
}

export const retentionTexts = (
  loaded: ReadyModel,
  { parameters, targetPrompts, user }: TextsOptions,
): RetentionTexts => ({
  fixed: {
    general: generalExamples(loaded, parameters),
    abilities: abilityExamples(loaded, abilityItems(parameters)),
    ...(user === undefined ? {} : { user }),
  },
  prompts: { own: ownPrompts(loaded, parameters), target: targetPrompts },
});

/** What it takes to measure the base, and to measure another model beside it. */
export function retentionWork(
  base: ReadyModel,
  loaded: ReadyModel,
  { fixed, prompts }: RetentionTexts,
): { readonly base: Work; readonly again: Work } {
  const written = Object.values(prompts).map((each) => each.map(({ length }) => sampledLengths(base, length)));
  const read = [
    ...Object.values(fixed).map((examples) => examples.map(({ ids }) => ids.length)),
    ...written.map((texts) => texts.map(({ prompt, most }) => prompt + most)),
  ].map((lengths) => lengths.toSorted((a, b) => a - b));
  const again = (model: ReadyModel): Work => allOf(read.map((lengths) => scoringWork(model, lengths, scoring)));
  const writing = written.map((texts) =>
    decodingWork(
      base,
      texts.map(({ prompt }) => prompt),
      { maxNewTokens: Math.max(0, ...texts.map(({ most }) => most)), batchSize: texts.length, logits: true },
    ),
  );
  return { base: allOf([...writing, again(base)]), again: again(loaded) };
}

async function keyOf(base: ReadyModel, { fixed, prompts }: RetentionTexts): Promise<string> {
  const { name, precision } = base.engine;
  const texts = Object.entries(fixed).map(([set, examples]) => [set, examples.map(({ ids }) => [...ids])]);
  return createHash('sha256')
    .update(JSON.stringify([version, await base.checkpoint.fingerprint(), name, precision, texts, prompts]))
    .digest('hex');
}

const pathOf = (key: string): string => joinPath(ownCache(), 'base', `${key}.json`);

/** Figures of `base`, the model before training, where they were measured before. */
export async function knownBase(base: ReadyModel, texts: RetentionTexts): Promise<RetentionBase | undefined> {
  const key = await keyOf(base, texts);
  const known = baseSchema.safeParse(await readOptionalJsonFile(pathOf(key)).catch(() => undefined));
  return known.success && known.data.key === key ? known.data : undefined;
}

/** Figures of `base`, the model before training, taken from the cache where the same were measured before. */
export async function measureBase(base: ReadyModel, texts: RetentionTexts): Promise<RetentionBase> {
  const known = await knownBase(base, texts);
  if (known) return known;
  const { fixed, prompts } = texts;
  const key = await keyOf(base, texts);
  const sampled = {
    own: await sampledExamples(base, prompts.own),
    target: await sampledExamples(base, prompts.target),
  };
  const sets: RetentionBase['sets'] = {};
  for (const [set, examples] of Object.entries({ ...fixed, ...sampled }) as [SetName, readonly TrainExample[]][]) {
    const logprobs = await logprobsOf(base, examples);
    sets[set] = {
      texts: examples.map(({ ids, mask }) => ({ ids: [...ids], from: firstOf(mask) })),
      // Nine digits tell every f32.
      logprobs: logprobs.map((text) => text.map((value) => Number(value.toPrecision(9)))),
    };
  }
  const measured = { key, sets };
  // A folder that cannot be written costs the time of measuring again, no more.
  await makeFolder(joinPath(ownCache(), 'base'))
    .then(() => writeFileAtomic(pathOf(key), JSON.stringify(measured)))
    .catch(() => {});
  return measured;
}

const fileName = 'base.json';

/** Puts the figures into a run's folder, where they are found again when it goes on. */
export const writeBase = (runFolder: string, base: RetentionBase): Promise<void> =>
  writeFileAtomic(joinPath(runFolder, fileName), JSON.stringify(base));

/** The figures that a run began with; undefined where they are not there or broken. */
export async function readBase(runFolder: string): Promise<RetentionBase | undefined> {
  const found = baseSchema.safeParse(await readOptionalJsonFile(joinPath(runFolder, fileName)).catch(() => undefined));
  return found.success ? found.data : undefined;
}

/** The first token has no log-probability. */
const firstOf = (mask: Uint8Array): number => mask.findIndex((bit, t) => t > 0 && bit === 1);

export const examplesIn = ({ texts, logprobs }: z.output<typeof setSchema>): TrainExample[] =>
  texts.map(({ ids, from }, index) => {
    const mask = new Uint8Array(ids.length);
    mask.fill(1, from, from + (logprobs[index]?.length ?? 0));
    return { index, ids: Int32Array.from(ids), mask };
  });
