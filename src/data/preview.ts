/** What a run is about to learn, shown before its first step. */
import type { Tokenizer } from '../hub/tokenizer.ts';
import type { Dataset } from './dataset.ts';
import type { Examples, TrainExample } from './examples.ts';
import type { Overlap } from './overlap.ts';

/** Counts over the examples that are left; supervised tokens are targets, so a first token never counts. */
export type DatasetSummary = {
  examples: number;
  tokens: number;
  supervisedTokens: number;
  /** Examples with a token among the targets at which the model stops. */
  stopsSupervised: number;
  /** Lengths in tokens that 5%, half and 95% of the examples do not exceed. */
  lengths: { p5: number; median: number; p95: number };
  longest: number;
  truncated: number;
  dropped: number;
  duplicates: number;
  promptMismatches: number;
  templateMismatches: number;
};

type Stops = Pick<Tokenizer, 'eosTokenIds' | 'eosToken'>;

/** The tokens at which a generation ends: the model's configuration's, else the tokenizer's own. */
function stopIds({ eosTokenIds, eosToken }: Stops): ReadonlySet<number> {
  if (eosTokenIds.length > 0) return new Set(eosTokenIds);
  return new Set(eosToken === undefined ? [] : [eosToken.id]);
}

/** How lengths are spread; sorts them. */
export function lengthsOf(lengths: Uint32Array): DatasetSummary['lengths'] & { longest: number } {
  lengths.sort();
  const quantile = (share: number): number => lengths[Math.ceil(share * lengths.length) - 1] ?? 0;
  return { p5: quantile(0.05), median: quantile(0.5), p95: quantile(0.95), longest: lengths.at(-1) ?? 0 };
}

/** Counts a data set, or the examples of it that a run trains on; throws RangeError where nothing would be learned. */
export function summarizeDataset(
  dataset: Dataset,
  tokenizer: Stops,
  examples: Examples = dataset.examples,
): DatasetSummary {
  const { dropped } = dataset;
  if (examples.count === 0) {
    const cut = dropped.filter(({ reason }) => reason === 'nothing supervised after truncation').length;
    const advice =
      cut > 0
        ? `${cut} were cut before their first learned token, so a larger max length may help`
        : 'look at the loss option and the columns';
    const [first] = dropped;
    const from = first === undefined ? '' : `, from ${dataset.placeOf(first.index)} on,`;
    throw new RangeError(
      `Nothing to learn: all ${dropped.length} rows${from} are without a supervised token (${advice})`,
    );
  }
  const stops = stopIds(tokenizer);
  const lengths = new Uint32Array(examples.count);
  let [tokens, supervisedTokens, stopsSupervised] = [0, 0, 0];
  for (let i = 0; i < examples.count; i++) {
    const { ids, mask } = examples.at(i);
    lengths[i] = ids.length;
    tokens += ids.length;
    let stop = false;
    for (let t = 1; t < ids.length; t++) {
      if (mask[t] !== 1) continue;
      supervisedTokens++;
      stop ||= stops.has(ids[t] ?? -1);
    }
    if (stop) stopsSupervised++;
  }
  const { longest, ...spread } = lengthsOf(lengths);
  return {
    examples: examples.count,
    tokens,
    supervisedTokens,
    stopsSupervised,
    lengths: spread,
    longest,
    truncated: dataset.truncated.length,
    dropped: dropped.length,
    duplicates: dataset.duplicates.length,
    promptMismatches: dataset.promptMismatches.length,
    templateMismatches: dataset.templateMismatches.length,
  };
}

/** Throws RangeError where no example teaches the model to stop, although it stops at some token. */
export function refuseUntrainedStop(
  { stopsSupervised, truncated, examples }: DatasetSummary,
  tokenizer: Stops & Pick<Tokenizer, 'tokenText'>,
): void {
  const stops = [...stopIds(tokenizer)];
  if (stopsSupervised > 0 || stops.length === 0) return;
  const names = stops.map((id) => tokenizer.tokenText(id)).join(', ');
  const why =
    truncated >= examples
      ? 'every example is cut before its end, so a larger data.maxLength may help'
      : 'the template, the mask or the token ids leave it out';
  throw new RangeError(
    `No example trains the stop token (${names}), so the model would not learn to stop: ${why}. data.allowUntrainedStop trains anyway`,
  );
}

/** The counts as lines of text, with a remark for each thing that is probably not meant. */
export function summaryLines(summary: DatasetSummary, dataset: Dataset): string[] {
  const { examples, tokens, supervisedTokens, stopsSupervised, longest, lengths } = summary;
  const share = ((100 * supervisedTokens) / tokens).toFixed(1);
  const lines = [
    `${examples} examples, ${tokens} tokens (longest ${longest}), ${supervisedTokens} supervised (${share}%), stop token supervised in ${stopsSupervised}`,
    `Lengths in tokens: 5% up to ${lengths.p5}, half up to ${lengths.median}, 95% up to ${lengths.p95}`,
  ];
  const places = (indexes: readonly number[]): string => dataset.placesOf(indexes);
  if (summary.truncated > 0) lines.push(`${summary.truncated} truncated: ${places(dataset.truncated)}`);
  for (const reason of new Set(dataset.dropped.map((drop) => drop.reason))) {
    const indexes = dataset.dropped.filter((drop) => drop.reason === reason).map(({ index }) => index);
    lines.push(`${indexes.length} dropped, ${reason}: ${places(indexes)}`);
  }
  if (summary.duplicates > 0)
    lines.push(`${summary.duplicates} duplicates of earlier rows: ${places(dataset.duplicates)}`);
  if (summary.promptMismatches > 0) {
    lines.push(
      `${summary.promptMismatches} whose prompt tokenises differently before its completion, so the first learned token may be off by one: ${places(dataset.promptMismatches)}`,
    );
  }
  if (summary.templateMismatches > 0)
    lines.push(
      `Warning: ${summary.templateMismatches} chats are asked otherwise than they are trained: ${places(dataset.templateMismatches)}`,
    );
  if (stopsSupervised === 0) {
    const cut = summary.truncated >= examples ? ': every example was cut before its end' : '';
    lines.push(`Warning: no stop token is supervised, so the model may not learn to stop${cut}`);
  }
  return lines;
}

/** What training and evaluation data share, in a sentence; none where they share nothing. */
export function overlapLines(
  { whole, promptOnly, example }: Overlap,
  heldCount: number,
  train: Pick<Dataset, 'placeOf'>,
  held: Pick<Dataset, 'placeOf'>,
): string[] {
  if (example === undefined) return [];
  const parts = [
    ...(whole > 0 ? [`${whole} of ${heldCount} evaluation examples are in the training data`] : []),
    ...(promptOnly > 0
      ? [`${promptOnly}${whole > 0 ? ' more' : ` of ${heldCount} evaluation examples`} share their prompt with it`]
      : []),
  ];
  return [`Warning: ${parts.join(', ')}: ${held.placeOf(example.held)} is ${train.placeOf(example.train)}`];
}

/** How much of what is computed is padding. */
export function paddingLine(
  size: { tokens: number; cells: number },
  packed?: { tokens: number; cells: number },
): string {
  const share = ({ tokens, cells }: { tokens: number; cells: number }): string =>
    `${((100 * (cells - tokens)) / cells).toFixed(0)}%`;
  return `Padding: ${share(size)} of an epoch's ${size.cells} places${packed === undefined ? '' : `; packed it would be ${share(packed)} of ${packed.cells}`}`;
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
