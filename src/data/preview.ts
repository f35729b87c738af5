/** What a run is about to learn, shown before its first step. */
import type { Tokenizer } from '../hub/tokenizer.ts';
import type { Dataset, TrainExample } from './dataset.ts';

/** Counts over the examples that are left; supervised tokens are targets, so a first token never counts. */
export type DatasetSummary = {
  examples: number;
  tokens: number;
  supervisedTokens: number;
  /** Examples with a stop token among the targets. */
  stopsSupervised: number;
  longest: number;
  truncated: number;
  dropped: number;
  duplicates: number;
  promptMismatches: number;
};

/** Counts a data set; throws RangeError where nothing would be learned. */
export function summarizeDataset(
  dataset: Dataset,
  tokenizer: Pick<Tokenizer, 'eosTokenIds' | 'eosToken'>,
): DatasetSummary {
  const { examples, dropped } = dataset;
  if (examples.length === 0) {
    const cut = dropped.filter(({ reason }) => reason === 'nothing supervised after truncation').length;
    const advice =
      cut > 0
        ? `${cut} were cut before their first learned token, so a larger max length may help`
        : 'look at the loss option and the columns';
    throw new RangeError(`Nothing to learn: all ${dropped.length} rows are without a supervised token (${advice})`);
  }
  const stops = new Set(tokenizer.eosTokenIds);
  if (tokenizer.eosToken !== undefined) stops.add(tokenizer.eosToken.id);
  const targets = (example: TrainExample, counts: (id: number) => boolean): number =>
    example.ids.reduce((sum, id, t) => sum + (t > 0 && example.mask[t] === 1 && counts(id) ? 1 : 0), 0);
  const sum = (of: (example: TrainExample) => number): number =>
    examples.reduce((total, example) => total + of(example), 0);
  return {
    examples: examples.length,
    tokens: sum(({ ids }) => ids.length),
    supervisedTokens: sum((example) => targets(example, () => true)),
    stopsSupervised: sum((example) => (targets(example, (id) => stops.has(id)) > 0 ? 1 : 0)),
    longest: examples.reduce((most, { ids }) => Math.max(most, ids.length), 0),
    truncated: dataset.truncated.length,
    dropped: dropped.length,
    duplicates: dataset.duplicates.length,
    promptMismatches: dataset.promptMismatches.length,
  };
}

/** The counts as lines of text, with a warning for each thing that is probably not meant. */
export function summaryLines(summary: DatasetSummary, dataset: Dataset): string[] {
  const { examples, tokens, supervisedTokens, stopsSupervised, longest } = summary;
  const share = ((100 * supervisedTokens) / tokens).toFixed(1);
  const lines = [
    `${examples} examples, ${tokens} tokens (longest ${longest}), ${supervisedTokens} supervised (${share}%), stop token supervised in ${stopsSupervised}`,
  ];
  const inputLines = (indexes: readonly number[]): string => {
    const shown = indexes.slice(0, 5).map((index) => index + 1);
    return `input line${indexes.length === 1 ? '' : 's'} ${shown.join(', ')}${indexes.length > 5 ? ', …' : ''}`;
  };
  if (summary.truncated > 0) lines.push(`${summary.truncated} truncated: ${inputLines(dataset.truncated)}`);
  for (const reason of new Set(dataset.dropped.map((drop) => drop.reason))) {
    const indexes = dataset.dropped.filter((drop) => drop.reason === reason).map(({ index }) => index);
    lines.push(`${indexes.length} dropped, ${reason}: ${inputLines(indexes)}`);
  }
  if (summary.duplicates > 0)
    lines.push(`${summary.duplicates} duplicates of earlier lines: ${inputLines(dataset.duplicates)}`);
  if (summary.promptMismatches > 0) {
    lines.push(
      `${summary.promptMismatches} whose prompt tokenises differently before its completion, so the first learned token may be off by one: ${inputLines(dataset.promptMismatches)}`,
    );
  }
  if (stopsSupervised === 0) lines.push('Warning: no stop token is supervised, so the model may not learn to stop');
  return lines;
}

/** One example, token by token: `+` before what is learned, the id, and the token's text in quotes; `color` paints learned tokens green. */
export function exampleLines(
  example: TrainExample,
  tokenizer: Pick<Tokenizer, 'decode' | 'tokenText'>,
  options: { color?: boolean; maxTokens?: number } = {},
): string[] {
  const { color = false, maxTokens = 200 } = options;
  const shown = Math.min(example.ids.length, maxTokens);
  const lines = Array.from(example.ids.subarray(0, shown), (id, t) => {
    const learned = t > 0 && example.mask[t] === 1;
    const text = tokenizer.decode([id]);
    // a token that is part of a character reads better in the vocabulary's own spelling
    const line = `${learned ? '+' : ' '} ${String(id).padStart(6)} ${JSON.stringify(text.includes('\ufffd') ? tokenizer.tokenText(id) : text)}`;
    return color && learned ? `\u001b[32m${line}\u001b[39m` : line;
  });
  if (shown < example.ids.length) lines.push(`  … and ${example.ids.length - shown} more tokens`);
  return lines;
}
