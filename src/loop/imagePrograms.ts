import type { Adapter, DropoutInputs } from '../adapters/adapter.ts';
import { input, type Value } from '../ir/graph.ts';
import { constant, filled } from '../ir/ops/constant.ts';
import { makeEmissions } from '../nn/emissions.ts';
import type { ImageClassifier } from '../nn/model.ts';
import { plainSites } from '../nn/sites.ts';
import type { Tensors } from '../runtime/engine.ts';
import { tensor } from '../runtime/tensor.ts';
import type { ClassifierForward, ClassifierShape } from './classifierPrograms.ts';
import { parameterTable, replacedTable } from './programLeaves.ts';

/** What dropout draws by: example and place of each of the model's tokens. */
function dropoutInputs({ tokens }: ImageClassifier, batch: number): DropoutInputs {
  return {
    key: input('key', 'i32', [2]),
    examples: input('examples', 'i32', [batch, tokens]),
    positions: input('positions', 'i32', [batch, tokens]),
    places: constant(
      'i32',
      [batch],
      Array.from({ length: batch }, (_, row) => row * tokens),
    ),
  };
}

/** Feeds of `dropoutInputs` but for the key: the examples that rows hold. */
export function dropoutPlaces({ tokens }: ImageClassifier, rows: readonly (readonly number[])[]): Tensors {
  const shape = [rows.length, tokens];
  return {
    examples: tensor(
      'i32',
      shape,
      rows.flatMap(([index = 0]) => Array<number>(tokens).fill(index)),
    ),
    positions: tensor(
      'i32',
      shape,
      rows.flatMap(() => [...Array(tokens).keys()]),
    ),
  };
}

/** Logits of a batch of images, fed as `pixels` f32 [B, channels, height, width]. */
export function imageForward(
  model: ImageClassifier,
  adapter: Adapter | undefined,
  { batch }: Pick<ClassifierShape, 'batch'>,
  options: { readonly training: boolean; readonly recompute: boolean },
): ClassifierForward {
  const { channels, height, width } = model.image;
  const pixels: Value = input('pixels', 'f32', [batch, channels, height, width]);
  const dropout = adapter?.drops ? { dropout: dropoutInputs(model, batch) } : {};
  const weights = filled('f32', [batch, model.tokens], 1);
  const training = options.training ? { training: { weights, ...dropout } } : {};
  const param = parameterTable(model, adapter);
  const emissions = makeEmissions();
  const logits = model.logits({
    param: replacedTable(param, adapter),
    pixels,
    sites: adapter?.sites({ param, emissions, ...training }) ?? plainSites,
    emissions,
    recompute: options.recompute,
  });
  return { logits, param, emitted: emissions.all() };
}
