import { full } from '../adapters/full.ts';
import type { CheckpointTokenizer } from '../hub/checkpoint-tokenizer.ts';
import { dtypeFields } from '../hub/dtypeFields.ts';
import { writeCheckpoint } from '../hub/writeCheckpoint.ts';
import { randomKey } from '../ir/random.ts';
import { sizeOf } from '../ir/types.ts';
import { anyModel } from '../nn/models/index.ts';
import { runHere } from '../runtime/linalg/job.ts';
import { linearAlgebra } from '../runtime/linalg/service.ts';
import { randomService } from '../runtime/random.ts';
import { f32Source, type TensorSource } from '../runtime/tensor-source.ts';

export interface NewCheckpoint {
  readonly config: Readonly<Record<string, unknown>>;
  readonly tokenizer?: CheckpointTokenizer;
  readonly generationConfig?: Readonly<Record<string, unknown>>;
  readonly preprocessorConfig?: Readonly<Record<string, unknown>>;
  readonly seed: number;
}

/** Writes an untrained checkpoint in f32, each weight drawn from the seed and its name as the architecture wants it. */
export async function newCheckpoint(folder: string, { config, seed, ...rest }: NewCheckpoint): Promise<void> {
  const [random, linalg] = [randomService(), linearAlgebra(runHere())];
  const tensors: TensorSource[] = [];
  const model = anyModel(config);
  for (const { name, shape, initialize } of full(model).parameters) {
    const values = new Float32Array(sizeOf(shape));
    await initialize(values, {
      key: randomKey(seed, name),
      random,
      linalg,
      base: (other) => Promise.reject(new RangeError(`Expected an untrained model but found a wish for ${other}`)),
    });
    tensors.push(f32Source(model.fileName?.(name) ?? name, shape, values));
  }
  await writeCheckpoint(folder, tensors, { ...rest, config: { ...config, ...dtypeFields(config, 'f32') } });
}
