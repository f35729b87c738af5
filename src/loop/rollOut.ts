import { at } from '../ir/graph.ts';
import type { TextWorld } from '../worlds/textWorld.ts';
import type { Episode, Step } from '../worlds/world.ts';
import { startDecoding } from './decoding.ts';
import { type ReadyModel, tokenizerOf } from './readyModel.ts';
import { sampleToken, tokenLaw } from './sample.ts';

/** One action and what came of it. */
export interface Turn extends Step {
  /** What was seen before. */
  readonly seen: number;
  readonly action: number;
  /** π(a | text so far) by action, at temperature 1: the model's probabilities of the actions' first tokens among themselves. */
  readonly policy: readonly number[];
}

export interface Trajectory {
  readonly turns: readonly Turn[];
  /** Sum of the rewards. */
  readonly return: number;
  /** What model and world wrote behind the prompt. */
  readonly text: string;
}

export interface RollOutOptions {
  /** Fixes the worlds' chances and the draws of actions. */
  readonly seed: number;
  /** Divides the logits of the actions; 0 takes the likeliest. */
  readonly temperature: number;
  /** Episodes computed at once. */
  readonly batchSize: number;
  readonly signal?: AbortSignal;
}

interface Row {
  readonly world: TextWorld;
  /** Number of the episode; keys the randomness. */
  readonly index: number;
  readonly episode: Episode;
  readonly prompt: readonly number[];
  /** Tokens of each action. */
  readonly actions: readonly (readonly number[])[];
  /** Tokens that stand but the model has not read. */
  pending: number[];
  readonly turns: Turn[];
  text: string;
}

const plain = { topK: 0, topP: 1, minP: 0, repetitionPenalty: 1 } as const;

/** Lets the model choose an action of a row and the world answer it. */
function act(
  row: Row,
  logits: Float32Array,
  { seed, temperature }: RollOutOptions,
  encode: (text: string) => number[],
): void {
  const { world, episode, actions, turns, index } = row;
  const own = Float32Array.from(actions, (ids) => logits[at(ids, 0)] ?? Number.NaN);
  const policy = [...tokenLaw(own, { ...plain, temperature: 1, seed }).probabilities];
  const key = { prompt: index, sample: 0, position: turns.length };
  const { id: action } = sampleToken(own, { ...plain, temperature, seed }, key);
  const seen = episode.observation();
  const step = episode.step(action);
  turns.push({ ...step, seen, action, policy });
  const said = world.says(step);
  row.pending = [...at(actions, action), ...encode(said)];
  row.text += `${at(world.actions, action)}${said}`;
}

const isOver = ({ turns }: Row): boolean => {
  const last = turns.at(-1);
  return last !== undefined && (last.terminated || last.truncated);
};

async function runBatch(loaded: ReadyModel, rows: readonly Row[], options: RollOutOptions): Promise<void> {
  const { vocabSize } = loaded.model;
  const tokenizer = tokenizerOf(loaded);
  const encode = (text: string): number[] => tokenizer.encode(text, { addSpecialTokens: false });
  // The most tokens that a row may still write decide how large the cache is.
  const longest = (row: Row): number => {
    const action = Math.max(...row.actions.map((ids) => ids.length));
    const { observations, maxSteps } = row.world.world;
    const said = Array.from(
      { length: observations },
      (_, observation) => encode(row.world.says({ observation, reward: 0, terminated: true, truncated: true })).length,
    );
    return maxSteps * (action + Math.max(...said));
  };
  const maxNewTokens = Math.max(...rows.map(longest));
  const most = Math.max(...rows.map(({ prompt }) => prompt.length)) + maxNewTokens;
  if (most > loaded.model.maxPositions)
    throw new RangeError(`Expected episodes of at most ${loaded.model.maxPositions} tokens but they may take ${most}`);
  const decoding = startDecoding(
    loaded,
    rows.map(({ prompt }) => prompt),
    { maxNewTokens, logits: true },
  );
  let step = await decoding.prefill();
  while (!rows.every(isOver)) {
    options.signal?.throwIfAborted();
    rows.forEach((row, i) => {
      if (row.pending.length > 0 || isOver(row)) return;
      act(row, step.logits?.subarray(i * vocabSize, (i + 1) * vocabSize) ?? new Float32Array(), options, encode);
    });
    // A row that is over goes on with any token, which nobody looks at.
    step = await decoding.append(rows.map((row) => row.pending.shift() ?? 0));
  }
}

/**
 * Lets a model act in worlds of text, several at once, over key-value caches: at its turn it chooses among the actions alone, by the
 * first token of each, and reads what the world says as tokens of its own text. One trajectory for each world, in their order.
 * TypeError where two actions begin with the same token, RangeError where an episode may outgrow the model's positions.
 */
export async function rollOut(
  loaded: ReadyModel,
  worlds: readonly TextWorld[],
  options: RollOutOptions,
): Promise<Trajectory[]> {
  const tokenizer = tokenizerOf(loaded);
  const rows = worlds.map((world, index): Row => {
    const actions = world.actions.map((text) => tokenizer.encode(text, { addSpecialTokens: false }));
    if (new Set(actions.map(([first]) => first)).size < actions.length)
      throw new TypeError(
        `Expected actions that begin with different tokens but found ${JSON.stringify(world.actions)}`,
      );
    // Every episode has chances of its own.
    const episode = world.world.start(options.seed * 65_536 + index);
    return { world, index, episode, prompt: tokenizer.encode(world.prompt), actions, pending: [], turns: [], text: '' };
  });
  for (let from = 0; from < rows.length; from += options.batchSize)
    await runBatch(loaded, rows.slice(from, from + options.batchSize), options);
  return rows.map(({ turns, text }) => ({ turns, text, return: turns.reduce((sum, { reward }) => sum + reward, 0) }));
}
