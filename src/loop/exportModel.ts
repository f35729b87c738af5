import { type Checkpoint, openCheckpoint } from '../hub/checkpoint.ts';
import { basename, joinPath, pathKind } from '../hub/files.ts';
import { moveInto, withFolderBeside } from '../hub/files-temporary.ts';
import { loadTokenizer } from '../hub/tokenizer.ts';
import { readCheckpointTokenizer } from '../hub/checkpoint-tokenizer.ts';
import type { Engine } from '../runtime/engine.ts';
import { exportGguf, type GgufDtype, ggufDtypes, ggufPlan } from '../surgery/exportGguf.ts';
import { exportOnnx, onnxFile, onnxPlan } from '../surgery/exportOnnx.ts';
import { mergeAdapter } from '../surgery/merge.ts';
import { type OnnxDtype, onnxDtypes } from '../surgery/onnxWriter.ts';
import { assertSameTokens, distanceOf, type Distance, type Probe } from './exportCheck.ts';
import { type Subject, subjectOf } from './exportSubjects.ts';
import { onnxValues } from './onnxValues.ts';

interface Written {
  /** How the export tokenises the hard texts, and what it makes of the sequences. */
  readonly probes: readonly Probe[];
  readonly values: readonly number[];
  readonly notices: readonly string[];
}

interface Format<D extends string> {
  readonly dtypes: readonly D[];
  /** Largest mean distance between a model and its export that counts as the same model. */
  readonly tolerance: Readonly<Record<Subject['unit'], Readonly<Record<D, number>>>>;
  /** Throws, naming it, for what the format has no place for, before any work. */
  check(checkpoint: Checkpoint, dtype: D): void;
  /** Writes to `path` and reads back. */
  write(
    checkpoint: Checkpoint,
    path: string,
    dtype: D,
    asked: readonly Probe[],
    options: ExportOptions,
  ): Promise<Written>;
}

const ggufNats = { f32: 1e-4, f16: 0.01, bf16: 0.05, q8_0: 0.1, q4_0: 1.5 };

const gguf: Format<GgufDtype> = {
  dtypes: ggufDtypes,
  check: (checkpoint, dtype) => void ggufPlan(checkpoint, { dtype }),
  tolerance: { nats: ggufNats, share: ggufNats },
  write: async (checkpoint, path, dtype, asked, { out, engine }) => {
    // A checkpoint is told by its ending.
    const file = `${path}.gguf`;
    const { kept } = await exportGguf(checkpoint, file, { dtype, name: basename(out).replace(/\.gguf$/, '') });
    const notices =
      kept.length === 0 ? [] : [`${kept.length} tensors have rows that are no whole blocks: they are in f16`];
    const { probes, values } = await subjectOf(checkpoint.config).read(file, engine, asked);
    await moveInto(file, path);
    return { probes, values, notices };
  },
};

const onnx: Format<OnnxDtype> = {
  dtypes: onnxDtypes,
  check: (checkpoint) => void onnxPlan(checkpoint),
  tolerance: {
    nats: { fp32: 1e-3, fp16: 0.01, q8: 0.1, q4: 1.5 },
    share: { fp32: 1e-4, fp16: 0.01, q8: 0.1, q4: 0.5 },
  },
  write: async (checkpoint, path, dtype, asked, { model, adapter, threads }) => {
    await exportOnnx(checkpoint, path, dtype, { model, adapter });
    const values = await onnxValues(joinPath(path, onnxFile(dtype)), checkpoint, asked, threads);
    const tokenizer = await readCheckpointTokenizer(path);
    const probes = tokenizer ? subjectOf(checkpoint.config).probes(loadTokenizer(tokenizer)) : [];
    return { probes, values, notices: [] };
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
  readonly compared: Subject['compared'];
  readonly unit: Subject['unit'];
  /** Largest mean distance that counts as the same. */
  readonly tolerance: number;
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

/** A distance for people. */
export const inUnit = (value: number, unit: Subject['unit']): string =>
  unit === 'nats' ? `${value.toPrecision(2)} nats` : `${(100 * value).toPrecision(2)}%`;

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
  const { subject, located } = await withCheckpoint(model, async (checkpoint) => {
    format.check(checkpoint, dtype);
    return { subject: subjectOf(checkpoint.config), located: checkpoint.path };
  });
  return withFolderBeside(out, async (folder) => {
    const notices: string[] = [];
    const source = adapter === undefined ? model : joinPath(folder, 'merged');
    if (adapter !== undefined) notices.push(...(await mergeAdapter({ model, adapter, out: source })).notices);
    signal?.throwIfAborted();
    const expected = await subject.read(source, engine);
    signal?.throwIfAborted();
    const path = joinPath(folder, 'export');
    const written = await withCheckpoint(source, (checkpoint) =>
      format.write(checkpoint, path, dtype, expected.asked, { ...options, model: located }),
    );
    assertSameTokens(expected.probes, written.probes);
    const { compared, unit } = subject;
    const distance = distanceOf(expected.values, written.values, unit);
    const tolerance = format.tolerance[unit][dtype];
    if (!(distance.mean <= tolerance)) {
      throw new Error(
        `${out}: expected ${compared} within ${inUnit(tolerance, unit)} of the model's in the mean but found ${inUnit(distance.mean, unit)} (${inUnit(distance.worst, unit)} at most) over ${distance.count}; take a dtype of more bits`,
      );
    }
    signal?.throwIfAborted();
    await moveInto(path, out);
    return {
      out,
      format: options.format,
      dtype,
      compared,
      unit,
      tolerance,
      ...distance,
      notices: [...notices, ...written.notices],
    };
  });
}
