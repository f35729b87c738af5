import type { Adapter, DropoutInputs } from '../adapters/adapter.ts';
import { input, type Value } from '../ir/graph.ts';
import { broadcastTo } from '../ir/ops/broadcastTo.ts';
import { constant, filled } from '../ir/ops/constant.ts';
import { slice } from '../ir/ops/slice.ts';
import { makeEmissions } from '../nn/emissions.ts';
import type { ImageClassifier } from '../nn/model.ts';
import { plainSites } from '../nn/sites.ts';
import type { ClassifierForward, ClassifierShape } from './classifierPrograms.ts';
import { parameterTable, replacedTable } from './programLeaves.ts';

/** What dropout draws by: the model's tokens of each image, whose ids are pixels. */
function dropoutInputs({ tokens }: ImageClassifier, { batch, length }: ClassifierShape): DropoutInputs {
  const examples = slice(input('examples', 'i32', [batch, length]), 1, 0, 1);
  const positions = constant('i32', [1, tokens], [...Array(tokens).keys()]);
  return {
    key: input('key', 'i32', [2]),
    examples: broadcastTo(examples, [batch, tokens]),
    positions: broadcastTo(positions, [batch, tokens]),
    places: constant(
      'i32',
      [batch],
      Array.from({ length: batch }, (_, row) => row * tokens),
    ),
  };
}

/** Logits of a batch of images, fed as `pixels` f32 [B, channels, height, width]. */
export function imageForward(
  model: ImageClassifier,
  adapter: Adapter | undefined,
  shape: ClassifierShape,
  options: { readonly training: boolean; readonly recompute: boolean },
): ClassifierForward {
  const { batch } = shape;
  const { channels, height, width } = model.image;
  const pixels: Value = input('pixels', 'f32', [batch, channels, height, width]);
  const dropout = adapter?.drops ? { dropout: dropoutInputs(model, shape) } : {};
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
