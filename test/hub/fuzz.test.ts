import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';

import { memoryFile } from '../../src/hub/byte-file.ts';
import type { ByteFile } from '../../src/hub/byte-file.ts';
import { readGguf } from '../../src/hub/gguf.ts';
import { ggufDecoderConfig, ggufDecoderTensors } from '../../src/hub/gguf-decoder.ts';
import { ggufTokenizer } from '../../src/hub/gguf-tokenizer.ts';
import { readSafetensors } from '../../src/hub/safetensors.ts';
import { ggufBytes } from './gguf-bytes.ts';

/** mulberry32: 32-bit draws from a seed. */
function draws(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

const awkward = [0, 1, 0x7f, 0x80, 0xff, 0x20, 0x22, 0x2c, 0x2d, 0x30, 0x39, 0x5b, 0x5d, 0x7b, 0x7d];

/** The bytes with a few header bytes changed, a stretch removed or doubled, or the end cut. */
function mutated(bytes: Uint8Array, headerBytes: number, draw: (below: number) => number): Uint8Array {
  const kind = draw(8);
  const at = draw(headerBytes);
  const length = 1 + draw(16);
  if (kind === 0) return bytes.slice(0, at);
  if (kind === 1) return Uint8Array.of(...bytes.subarray(0, at), ...bytes.subarray(at + length));
  if (kind === 2) return Uint8Array.of(...bytes.subarray(0, at + length), ...bytes.subarray(at));
  const out = bytes.slice();
  if (kind === 3) out.fill(0xff, at, at + 8);
  else
    for (let i = 1 + draw(4); i > 0; i--)
      out[draw(headerBytes)] = draw(2) === 0 ? draw(256) : (awkward[draw(awkward.length)] ?? 0);
  return out;
}

const name = 'fuzzed.bin';

/** A file in memory that counts what is asked of it, so that a lying header cannot make the reader allocate more than the file. */
function watched(bytes: Uint8Array): ByteFile {
  const file = memoryFile(name, bytes);
  return {
    ...file,
    readAt(position, into) {
      assert.ok(into.byteLength <= bytes.byteLength, 'allocated more than the file');
      return file.readAt(position, into);
    },
  };
}

async function fuzz(
  bytes: Uint8Array,
  headerBytes: number,
  rounds: number,
  read: (file: ByteFile) => Promise<void>,
): Promise<{ refused: number }> {
  await read(watched(bytes));
  const draw = draws(20260101);
  let refused = 0;
  for (let round = 0; round < rounds; round++) {
    const changed = mutated(bytes, headerBytes, draw);
    try {
      await read(watched(changed));
    } catch (error) {
      refused++;
      const named = error instanceof Error && error.message.includes(name);
      const builtIn = error instanceof RangeError || error instanceof SyntaxError || error instanceof TypeError;
      assert.ok(named && builtIn, `round ${round}: ${error instanceof Error ? error.stack : String(error)}`);
    }
  }
  return { refused };
}

test('no change to a safetensors header does worse than a named error', async () => {
  const bytes = (
    await readFile(new URL('../fixtures/lora/regex/adapter_model.safetensors', import.meta.url))
  ).subarray();
  const header = 8 + Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
  const { refused } = await fuzz(bytes, header, 3000, async (file) => {
    const { tensors } = await readSafetensors(file);
    for (const source of tensors.values()) assert.equal((await source.read()).byteLength, source.byteLength);
  });
  assert.ok(refused > 1000, `${refused}`);
});

test('no change to a GGUF header does worse than a named error', async () => {
  const bytes = ggufBytes({
    metadata: [
      ['general.architecture', 'llama'],
      ['llama.block_count', { u32: 1 }],
      ['llama.context_length', { u32: 128 }],
      ['llama.embedding_length', { u32: 32 }],
      ['llama.feed_forward_length', { u32: 64 }],
      ['llama.attention.head_count', { u32: 4 }],
      ['llama.attention.layer_norm_rms_epsilon', { f32: 1e-6 }],
      ['tokenizer.ggml.model', 'gpt2'],
      ['tokenizer.ggml.pre', 'smollm'],
      ['tokenizer.ggml.tokens', ['<s>', 'a', 'b', 'ab']],
      ['tokenizer.ggml.token_type', Int32Array.of(3, 1, 1, 1)],
      ['tokenizer.ggml.merges', ['a b']],
      ['tokenizer.ggml.bos_token_id', { u32: 0 }],
      ['tokenizer.ggml.add_bos_token', { bool: true }],
    ],
    tensors: [
      { name: 'token_embd.weight', shape: [4, 32], type: 8, offset: 0 },
      { name: 'blk.0.attn_q.weight', shape: [32, 32], type: 3, offset: 160 },
      { name: 'blk.0.attn_norm.weight', shape: [32], offset: 800 },
    ],
    dataBytes: 928,
  });
  const { refused } = await fuzz(bytes, bytes.length - 928, 4000, async (file) => {
    const gguf = await readGguf(file);
    await ggufDecoderConfig(gguf);
    ggufTokenizer(gguf);
    for (const source of ggufDecoderTensors(gguf).values())
      assert.equal((await source.read()).byteLength, source.byteLength);
  });
  assert.ok(refused > 1000, `${refused}`);
});
