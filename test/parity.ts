import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { TrainExample } from '../src/data/dataset.ts';
import type { Graph } from '../src/ir/graph.ts';
import type { Dense } from '../src/ir/types.ts';
import type { Tensors } from '../src/runtime/engine.ts';
import { evaluate } from '../src/runtime/evaluate.ts';
import { readSafetensors } from '../src/hub/safetensors.ts';
import { openFile } from '../src/hub/files.ts';
import type { WeightStore } from '../src/runtime/weights.ts';

/** Path of a committed fixture. */
export const fixture = (path: string): string => fileURLToPath(new URL(`fixtures/${path}`, import.meta.url));

export const readFixture = (path: string): unknown => JSON.parse(readFileSync(fixture(path), 'utf8'));

/** min_lr_rate as minLrRate. */
export const camelCase = (name: string): string =>
  name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());

export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

/** A path in the shared folder; undefined where it is not there. */
export function sharedPath(path: string): string | undefined {
  const shared = process.env['TUNELOOP_SHARED'] ?? fileURLToPath(new URL('../../shared', import.meta.url));
  return existsSync(`${shared}/${path}`) ? `${shared}/${path}` : undefined;
}

/** The real model of the shared folder; undefined where there is none. */
export const sharedModel = (): string | undefined =>
  sharedPath('models/smollm2-135m-instruct/SmolLM2-135M-Instruct.Q4_1.gguf');

/** F64 and F32 tensors of a safetensors fixture by name. */
export async function readTensors(path: string): Promise<Map<string, Float64Array>> {
  const file = await openFile(fixture(path));
  try {
    const { tensors } = await readSafetensors(file);
    const values = new Map<string, Float64Array>();
    for (const [name, source] of tensors) {
      const bytes = await source.read();
      assert.ok(source.storage === 'f64' || source.storage === 'f32', source.storage);
      const { buffer, byteOffset, byteLength } = bytes;
      const view =
        source.storage === 'f64'
          ? new Float64Array(buffer, byteOffset, byteLength / 8)
          : new Float32Array(buffer, byteOffset, byteLength / 4);
      values.set(name, Float64Array.from(view));
    }
    return values;
  } finally {
    await file.close();
  }
}

/** Largest difference, relative to the largest expected magnitude; infinite where one of them is not a number. */
export function relativeError(found: ArrayLike<number>, expected: ArrayLike<number>): number {
  assert.equal(found.length, expected.length);
  let worst = 0;
  let scale = 0;
  for (let i = 0; i < expected.length; i++) {
    const difference = Math.abs((found[i] as number) - (expected[i] as number));
    if (!(difference < Infinity)) return Infinity;
    worst = Math.max(worst, difference);
    scale = Math.max(scale, Math.abs(expected[i] as number));
  }
  return worst === 0 ? 0 : worst / scale;
}

/** Rows of a fixture, padded on the right, as examples. */
export function examplesOf(rows: {
  readonly ids: number[][];
  readonly lengths: number[];
  readonly lossMask?: number[][];
}): TrainExample[] {
  return rows.ids.map((ids, index) => ({
    index,
    ids: Int32Array.from(ids.slice(0, rows.lengths[index])),
    mask: Uint8Array.from((rows.lossMask?.[index] ?? ids.map(() => 1)).slice(0, rows.lengths[index])),
  }));
}

/** A graph in f64 with fed tensors and the store's weights. */
export async function evaluateExactly(
  graph: Graph,
  inputs: Tensors,
  store: WeightStore,
): Promise<Record<string, Dense>> {
  const leaves: Record<string, Dense> = {};
  for (const { name, kind, type } of graph.leaves) {
    const data = kind === 'parameter' ? await store.get(name).f32() : (inputs[name]?.data ?? assert.fail(name));
    leaves[name] = { ...type, data: Float64Array.from(data) };
  }
  return evaluate(graph, leaves);
}
