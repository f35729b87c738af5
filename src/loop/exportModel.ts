import { type Checkpoint, openCheckpoint } from '../hub/checkpoint.ts';
import { basename, joinPath, pathKind } from '../hub/files.ts';
import { moveInto, withFolderBeside } from '../hub/files-temporary.ts';
import { loadTokenizer } from '../hub/tokenizer.ts';
import { readCheckpointTokenizer } from '../hub/checkpoint-tokenizer.ts';
import { languageModel } from '../nn/models/index.ts';
import type { Engine } from '../runtime/engine.ts';
import { exportGguf, type GgufDtype, ggufDtypes, ggufPlan } from '../surgery/exportGguf.ts';
import { exportOnnx, onnxFile, onnxPlan } from '../surgery/exportOnnx.ts';
import { mergeAdapter } from '../surgery/merge.ts';
import { type OnnxDtype, onnxDtypes } from '../surgery/onnxWriter.ts';
import {
  assertSameTokens,
  distanceOf,
  type Distance,
  type Probe,
  probesOf,
  type Scorer,
  withModel,
} from './exportCheck.ts';

interface Written {
  readonly probes: readonly Probe[];
  readonly logprobs: readonly number[];
  readonly notices: readonly string[];
}

interface Format<D extends string> {
  readonly dtypes: readonly D[];
  /** Largest mean |Δ ln p| in nats between a model and its export that counts as the same model. */
  readonly toleranceNats: Readonly<Record<D, number>>;
  /** Throws, naming it, for what the format has no place for, before any work. */
  check(checkpoint: Checkpoint, dtype: D): void;
  /** Writes to `path` and reads back: how the export tokenises the hard texts, and its scores of `probes`. */
  write(
    checkpoint: Checkpoint,
    path: string,
    dtype: D,
    probes: readonly Probe[],
    options: ExportOptions,
  ): Promise<Written>;
}

const sequencesOf = (probes: readonly Probe[]): (readonly number[])[] => probes.map(({ ids }) => ids);

const gguf: Format<GgufDtype> = {
  dtypes: ggufDtypes,
  check: (checkpoint, dtype) => void ggufPlan(checkpoint, { dtype }),
  toleranceNats: { f32: 1e-4, f16: 0.01, bf16: 0.05, q8_0: 0.1, q4_0: 1.5 },
  write: async (checkpoint, path, dtype, probes, { out, engine }) => {
    // A checkpoint is told by its ending.
    const file = `${path}.gguf`;
    const { kept } = await exportGguf(checkpoint, file, { dtype, name: basename(out).replace(/\.gguf$/, '') });
    const notices =
      kept.length === 0 ? [] : [`${kept.length} tensors have rows that are no whole blocks: they are in f16`];
    const read = await withModel(file, engine, async (tokenizer, scorer) => ({
      probes: probesOf(tokenizer),
      logprobs: await scorer(sequencesOf(probes)),
    }));
    await moveInto(file, path);
    return { ...read, notices };
  },
};

const onnx: Format<OnnxDtype> = {
  dtypes: onnxDtypes,
  check: (checkpoint) => void onnxPlan(checkpoint),
  toleranceNats: { fp32: 1e-3, fp16: 0.01, q8: 0.1, q4: 1.5 },
  write: async (checkpoint, path, dtype, probes, { threads }) => {
    await exportOnnx(checkpoint, path, dtype);
    const { openOnnxDecoder } = await import('../runtime/node/onnx-decoder.ts');
    const model = languageModel(checkpoint.config);
    const decoder = await openOnnxDecoder(joinPath(path, onnxFile(dtype)), model, { threads });
    const logprobs: number[] = [];
    try {
      for (const { ids } of probes) {
        // The second half runs over the cache that the first one leaves.
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
    const tokenizer = await readCheckpointTokenizer(path);
    return { probes: tokenizer ? probesOf(loadTokenizer(tokenizer)) : probes, logprobs, notices: [] };
  },
};

/** Formats that a model can be written in, by name. */
export const exportFormats = { gguf, onnx } as const;
export type ExportFormat = keyof typeof exportFormats;

export interface ExportOptions {
  /** Checkpoint folder or .gguf file. */
  readonly model: string;
  /** PEFT adapter folder that is merged first. */
  readonly adapter?: string | undefined;
  readonly format: ExportFormat;
  /** One of the format's. */
  readonly dtype: string;
  /** The file (gguf) or folder (onnx) to write; must not be there. */
  readonly out: string;
  /** What scores the model and its export. */
  readonly engine: Engine;
  readonly threads: number;
  /** Ends the export between its stages, leaving nothing behind. */
  readonly signal?: AbortSignal;
}

export interface ExportSummary extends Distance {
  readonly out: string;
  readonly format: ExportFormat;
  readonly dtype: string;
  readonly toleranceNats: number;
  readonly notices: readonly string[];
}

/**
 * Writes a model, with an adapter merged into it, for llama.cpp or transformers.js, and compares what was written with what
 * it was made of before it is put in place: the same tokens for the same texts, log-probabilities within the dtype's
 * tolerance. Throws Error, leaving nothing behind, when they are further apart.
 */
export function exportModel(options: ExportOptions): Promise<ExportSummary> {
  return options.format === 'gguf' ? exportAs(gguf, options) : exportAs(onnx, options);
}

async function withCheckpoint<T>(path: string, use: (checkpoint: Checkpoint) => Promise<T>): Promise<T> {
  const checkpoint = await openCheckpoint(path);
  try {
    return await use(checkpoint);
  } finally {
    await checkpoint.close();
  }
}

async function exportAs<D extends string>(format: Format<D>, options: ExportOptions): Promise<ExportSummary> {
  const { model, adapter, out, engine, signal } = options;
  const dtype = format.dtypes.find((each) => each === options.dtype);
  if (dtype === undefined) {
    throw new RangeError(
      `Expected a dtype of ${format.dtypes.join(', ')} for ${options.format} but found ${options.dtype}`,
    );
  }
  if ((await pathKind(out)) !== undefined) throw new Error(`Cannot write ${out}: it exists already`);
  await withCheckpoint(model, async (checkpoint) => format.check(checkpoint, dtype));
  return withFolderBeside(out, async (folder) => {
    const notices: string[] = [];
    const source = adapter === undefined ? model : joinPath(folder, 'merged');
    if (adapter !== undefined) notices.push(...(await mergeAdapter({ model, adapter, out: source })).notices);
    signal?.throwIfAborted();
    const { probes, expected } = await withModel(source, engine, async (tokenizer, scorer: Scorer, most) => {
      const cut = probesOf(tokenizer).map((probe) => ({ ...probe, ids: probe.ids.slice(0, most) }));
      return { probes: cut, expected: await scorer(sequencesOf(cut)) };
    });
    signal?.throwIfAborted();
    const path = joinPath(folder, 'export');
    const written = await withCheckpoint(source, (checkpoint) =>
      format.write(checkpoint, path, dtype, probes, options),
    );
    assertSameTokens(probes, written.probes);
    const distance = distanceOf(expected, written.logprobs);
    const toleranceNats = format.toleranceNats[dtype];
    if (!(distance.meanNats <= toleranceNats)) {
      throw new Error(
        `${out}: expected log-probabilities within ${toleranceNats} nats of the model's in the mean but found ${distance.meanNats.toFixed(4)} (at most ${distance.worstNats.toFixed(3)}) over ${distance.tokens} tokens; take a dtype of more bits`,
      );
    }
    signal?.throwIfAborted();
    await moveInto(path, out);
    return {
      out,
      format: options.format,
      dtype,
      toleranceNats,
      ...distance,
      notices: [...notices, ...written.notices],
    };
  });
}
