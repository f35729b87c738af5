import { describe } from '../ir/errors.ts';
import { type Fields, fieldsOf } from '../nn/fields.ts';
import type { ImageSize } from '../nn/model.ts';
import { type Pixels, withChannels } from './pixels.ts';
import { isResample, type Resample, resize } from './resize.ts';

/** How pixels become what a model takes, as a checkpoint's preprocessor_config.json says. */
export interface ImageProcessor {
  /** An image in the model's size and channels; RangeError where it would have to be resized and must not. */
  fit(pixels: Pixels): Pixels;
  /** What a model takes for each value 0 … 255 of each channel: f32 [channels, 256]. */
  readonly levels: Float32Array;
  /** What was noticed: fields without effect, or that there was no file. */
  readonly notices: readonly string[];
}

const file = 'preprocessor_config.json';

const types = ['ViTImageProcessor', 'ViTImageProcessorFast', 'ViTImageProcessorPil', 'ViTFeatureExtractor'];

/** Fields that say where or in what layout transformers computes, or that none of these processors reads. */
const neutral = [
  'processor_class',
  '_valid_processor_keys',
  'data_format',
  'input_data_format',
  'return_tensors',
  'device',
  'disable_grouping',
  'default_to_square',
  'do_convert_rgb',
];

/** [height, width] of `size`: an object, or one side for both. */
function sizeOf(fields: Fields, { height, width }: ImageSize): readonly [number, number] {
  const given = fields.optional('size');
  if (given === undefined) return [height, width];
  if (typeof given === 'number') return [given, given];
  const size = fieldsOf((typeof given === 'object' ? given : { given }) as Record<string, unknown>, `${file}.size`);
  const sides = [size.integer('height'), size.integer('width')] as const;
  const [other] = size.unread();
  if (other !== undefined) throw new TypeError(`${file}: size.${other} is not supported, only height and width`);
  return sides;
}

/** One number for each channel. */
function perChannel(fields: Fields, name: string, channels: number, fallback: number): number[] {
  const given = fields.optional(name) ?? fallback;
  const list: unknown[] = Array.isArray(given) ? given : Array.from({ length: channels }, () => given);
  if (list.length === channels && list.every((each) => Number.isFinite(each))) return list as number[];
  throw new TypeError(`Expected ${channels} numbers at ${file}.${name} but found ${describe(given)}`);
}

function resampleOf(fields: Fields): Resample {
  const given = fields.optional('resample') ?? 2;
  if (isResample(given)) return given;
  throw new TypeError(`Expected a filter of Pillow from 0 to 5 at ${file}.resample but found ${describe(given)}`);
}

/**
 * Reads a preprocessor_config.json of transformers' ViTImageProcessor: resize to the model's size with Pillow's filters, rescale,
 * normalise. Without a file that class's defaults hold. Throws TypeError or RangeError naming a field that cannot be honoured.
 */
export function imageProcessor(
  config: Readonly<Record<string, unknown>> | undefined,
  image: ImageSize,
): ImageProcessor {
  const { channels, height, width } = image;
  if (channels !== 1 && channels !== 3)
    throw new RangeError(`config.json: expected images of 1 or 3 channels (num_channels) but found ${channels}`);
  const fields = fieldsOf(config ?? {}, file);
  for (const name of neutral) fields.optional(name);
  for (const name of ['image_processor_type', 'feature_extractor_type']) {
    const type = fields.optional(name);
    if (type !== undefined && !types.some((each) => each === type))
      throw new TypeError(`${file}: ${name} ${describe(type)} is not supported, only ${types.join(', ')}`);
  }
  for (const name of ['do_center_crop', 'do_pad'])
    if (fields.boolean(name, false)) throw new TypeError(`${file}: ${name} true is not supported, only false`);
  for (const name of ['crop_size', 'pad_size']) fields.optional(name);
  const resizes = fields.boolean('do_resize', true);
  const resample = resampleOf(fields);
  const [toHeight, toWidth] = sizeOf(fields, image);
  if (resizes && (toHeight !== height || toWidth !== width))
    throw new RangeError(
      `${file}: expected the size of the model's images, ${height} × ${width}, but found ${toHeight} × ${toWidth}`,
    );
  const rescales = fields.boolean('do_rescale', true);
  const factor = fields.number('rescale_factor', 1 / 255);
  const normalises = fields.boolean('do_normalize', true);
  const [mean, deviation] = [
    perChannel(fields, 'image_mean', channels, 0.5),
    perChannel(fields, 'image_std', channels, 0.5),
  ];
  if (deviation.includes(0)) throw new RangeError(`Expected deviations other than 0 at ${file}.image_std`);
  const levels = Float32Array.from({ length: channels * 256 }, (_, i) => {
    const [channel, value] = [Math.floor(i / 256), (i % 256) * (rescales ? factor : 1)];
    return normalises ? (value - (mean[channel] ?? 0)) / (deviation[channel] ?? 1) : value;
  });
  const without = fields.unread();
  return {
    fit: (pixels) => {
      if (!resizes && (pixels.height !== height || pixels.width !== width))
        throw new RangeError(
          `expected ${height} × ${width} pixels, as ${file} has do_resize false, but found ${pixels.height} × ${pixels.width}`,
        );
      return resize(withChannels(pixels, channels), height, width, resample);
    },
    levels,
    notices: [
      ...(config === undefined
        ? [`No ${file}: images are resized to ${height} × ${width} and normalised as ViTImageProcessor does by default`]
        : []),
      ...(without.length === 0 ? [] : [`${file} fields without effect: ${without.join(', ')}`]),
    ],
  };
}
