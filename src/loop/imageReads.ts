import type { Batch } from '../data/batches.ts';
import { picturedFormats, readExample } from '../data/formats.ts';
import { hash64 } from '../data/hash.ts';
import { imageOf } from '../data/imageField.ts';
import { type ImageProcessor, imageProcessor } from '../data/imageProcessor.ts';
import type { Pixels } from '../data/pixels.ts';
import { isRecord } from '../hub/json.ts';
import { named } from '../ir/errors.ts';
import type { ImageClassifier } from '../nn/model.ts';
import type { Tensors } from '../runtime/engine.ts';
import { tensor } from '../runtime/tensor.ts';
import type { ClassifierReads } from './classifierReads.ts';
import { dropoutPlaces, imageForward } from './imagePrograms.ts';
import type { ReadyModel } from './readyModel.ts';
import { atRow } from './rowInputs.ts';

/** An image as ids of an example: each pixel is one, its channels in bytes, so that images lie, are shuffled and go on as tokens do. */
function pixelIds({ channels, data }: Pixels): Int32Array {
  return Int32Array.from({ length: data.length / channels }, (_, i) => {
    let id = 0;
    for (let c = 0; c < channels; c++) id = (id << 8) | (data[channels * i + c] ?? 0);
    return id;
  });
}

/** f32 [B, channels, height, width] of a batch's pixels. */
function pixelFeed({ batch, length, ids }: Batch, { image }: ImageClassifier, { levels }: ImageProcessor) {
  const { channels, height, width } = image;
  const plane = height * width;
  const pixels = tensor('f32', [batch, channels, height, width], new Float32Array(batch * channels * plane));
  for (let row = 0; row < batch; row++) {
    for (let c = 0; c < channels; c++) {
      const [to, shift, level] = [(row * channels + c) * plane, 8 * (channels - 1 - c), 256 * c];
      for (let i = 0; i < plane; i++)
        pixels.data[to + i] = levels[level + (((ids[row * length + i] ?? 0) >> shift) & 255)] ?? 0;
    }
  }
  return pixels;
}

/** How the checkpoint's images are prepared. Throws TypeError or RangeError naming a field that cannot be honoured. */
export function processorOf({
  checkpoint,
  model,
}: Pick<ReadyModel<ImageClassifier>, 'checkpoint' | 'model'>): ImageProcessor {
  const { preprocessorConfig: config, path } = checkpoint;
  if (config !== undefined && !isRecord(config))
    throw new TypeError(`${path}: expected an object in preprocessor_config.json but found ${typeof config}`);
  return named(path, () => imageProcessor(config, model.image));
}

/** A classifier's images, resized and normalised as its checkpoint says. */
export function imageReads(loaded: ReadyModel<ImageClassifier>): ClassifierReads {
  const { model } = loaded;
  const processor = processorOf(loaded);
  const { height, width } = model.image;
  return {
    read: async (row) => {
      const { label } = readExample(row, picturedFormats);
      const pixels = await imageOf(row);
      const ids = atRow(row, () => pixelIds(processor.fit(pixels)));
      const example = { index: row.index, ids, mask: new Uint8Array(ids.length) };
      return { example, label, truncated: false, key: hash64(ids.length, (i) => ids[i] ?? 0) };
    },
    forward: (adapter, shape, options) => imageForward(model, adapter, shape, options),
    feeds: (batch, { leaves }) => {
      const { labels = new Float32Array(0) } = batch.classified ?? {};
      const feeds: Tensors = {
        pixels: pixelFeed(batch, model, processor),
        ...dropoutPlaces(model, batch.rowIndexes),
        ...(labels.length === 0 ? {} : { labels: tensor('f32', [batch.batch, model.labels.length], labels) }),
      };
      const read = new Set(leaves.map(({ name }) => name));
      return Object.fromEntries(Object.entries(feeds).filter(([name]) => read.has(name)));
    },
    padded: (longest) => longest,
    counted: (lengths) => `${lengths.length} images of ${height} × ${width}`,
    lines: () => [`image: ${height} × ${width}`],
    text: ({ index }) => `image ${index + 1}`,
    showsIds: false,
    tokensPerId: model.tokens / model.maxPositions,
  };
}
