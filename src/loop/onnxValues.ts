import type { Checkpoint } from '../hub/checkpoint.ts';
import { classifier, encoder, languageModel, modelKind } from '../nn/models/index.ts';
import type { Probe } from './exportCheck.ts';

/** ln p of every token after the first; the second half of a sequence runs over the cache that the first one leaves. */
async function logprobsOf(
  file: string,
  { config }: Checkpoint,
  probes: readonly Probe[],
  threads: number,
): Promise<number[]> {
  const { openOnnxDecoder } = await import('../runtime/node/onnx-decoder.ts');
  const model = languageModel(config);
  const decoder = await openOnnxDecoder(file, model, { threads });
  const logprobs: number[] = [];
  try {
    for (const { ids } of probes) {
      const logits = await decoder.logits(ids, Math.ceil(ids.length / 2));
      for (let t = 1; t < ids.length; t++) {
        const row = logits.subarray((t - 1) * model.vocabSize, t * model.vocabSize);
        const most = row.reduce((a, b) => Math.max(a, b));
        const total = row.reduce((sum, z) => sum + Math.exp(z - most), 0);
        logprobs.push((row[ids[t] ?? 0] ?? Number.NaN) - most - Math.log(total));
      }
    }
  } finally {
    decoder.close();
  }
  return logprobs;
}

/** Logits of a classifier, the first token's hidden states of an encoder; all texts in one batch. */
async function firstOf(
  file: string,
  { config }: Checkpoint,
  probes: readonly Probe[],
  threads: number,
): Promise<number[]> {
  const { openOnnxEncoder } = await import('../runtime/node/onnx-encoder.ts');
  const { plainEncoder } = await import('../surgery/onnxEncoder.ts');
  const classifies = modelKind(config) === 'classifier';
  const width = classifies ? classifier(config).labels.length : encoder(config).hiddenSize;
  const hasTokenTypes = (plainEncoder(config)?.tokenTypes ?? 0) > 1;
  const output = classifies ? 'logits' : 'last_hidden_state';
  const opened = await openOnnxEncoder(file, { hasTokenTypes, output, width }, { threads });
  const lengths = probes.map(({ ids }) => ids.length);
  const longest = Math.max(...lengths);
  const padded = (values: readonly number[]): number[] => Array.from({ length: longest }, (_, t) => values[t] ?? 0);
  try {
    const rows = {
      ids: probes.map(({ ids }) => padded(ids)),
      lengths,
      tokenTypes: probes.map(({ tokenTypes = [] }) => padded(tokenTypes)),
    };
    const found = await opened.run(rows);
    const each = found.length / probes.length;
    return probes.flatMap((_, row) => [...found.subarray(row * each, row * each + width)]);
  } finally {
    opened.close();
  }
}

/** What an exported graph makes of sequences, as the model's subject has it. */
export function onnxValues(
  file: string,
  checkpoint: Checkpoint,
  probes: readonly Probe[],
  threads: number,
): Promise<number[]> {
  const read = modelKind(checkpoint.config) === 'language' ? logprobsOf : firstOf;
  return read(file, checkpoint, probes, threads);
}
