import { readFile } from 'node:fs/promises';
import { sizeOf } from '../../ir/types.ts';
import { allocate, openOnnxRuntime, type OrtTensor } from './ort-api.ts';

/** Tokens of rows that are padded on the right, [B, T]. */
export interface EncoderRows {
  readonly ids: readonly (readonly number[])[];
  /** Tokens of each row. */
  readonly lengths: readonly number[];
  readonly tokenTypes: readonly (readonly number[])[];
}

export interface OnnxEncoder {
  /** What the graph gives of a batch: hidden states [B, T, D] or logits [B, labels]. */
  run(rows: EncoderRows): Promise<Float32Array>;
  close(): void;
}

/** Opens an encoder of the kind that transformers.js loads (input_ids, attention_mask, token_type_ids) in ONNX Runtime. */
export async function openOnnxEncoder(
  path: string,
  graph: {
    readonly hasTokenTypes: boolean;
    readonly output: 'last_hidden_state' | 'logits';
    /** Numbers in the last axis of the output. */
    readonly width: number;
  },
  options: { readonly threads: number },
): Promise<OnnxEncoder> {
  const runtime = openOnnxRuntime({ threads: options.threads });
  const session = runtime.createSession(await readFile(path));
  const integers = (rows: readonly (readonly number[])[]): OrtTensor => {
    const shape = [rows.length, rows[0]?.length ?? 0];
    const data = allocate('i64', sizeOf(shape));
    rows.flat().forEach((value, i) => (data[i] = BigInt(value)));
    return runtime.tensor('i64', shape, data);
  };
  return {
    run: async ({ ids, lengths, tokenTypes }) => {
      const [batch, time] = [ids.length, ids[0]?.length ?? 0];
      const shape = graph.output === 'logits' ? [batch, graph.width] : [batch, time, graph.width];
      const output = runtime.tensor('f32', shape, allocate('f32', sizeOf(shape)));
      const inputs = {
        input_ids: integers(ids),
        attention_mask: integers(ids.map((row, r) => row.map((_, t) => (t < (lengths[r] ?? 0) ? 1 : 0)))),
        ...(graph.hasTokenTypes ? { token_type_ids: integers(tokenTypes) } : {}),
      };
      try {
        await session.run(inputs, { [graph.output]: output });
        return (output.data as Float32Array).slice();
      } finally {
        for (const one of [...Object.values(inputs), output]) one.release();
      }
    },
    close: () => runtime.close(),
  };
}
