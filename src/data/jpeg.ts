import { reasonOf } from '../ir/errors.ts';
import { checkSides, maxPixels, type Pixels } from './pixels.ts';

export const isJpeg = (bytes: Uint8Array): boolean => bytes[0] === 0xff && bytes[1] === 0xd8 && bytes[2] === 0xff;

/** A pixel takes at least a bit for its 16 × 16 block in each of six parts, so a byte holds fewer than this. */
const pixelsPerByte = 512;

/** What the decoder holds for each pixel: coefficients of four parts in 32 bits, and samples. */
const bytesPerPixel = 32;

/** Whether a marker begins a frame, which states the image's sides. */
const beginsFrame = (marker: number): boolean =>
  marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc;

/** The image's pixels. RangeError on sides that the bytes could not fill, before a decoder makes room for them. */
function checkFrame(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 2; at + 9 <= bytes.length;) {
    const marker = bytes[at + 1] ?? 0;
    if (bytes[at] !== 0xff || marker === 0xff) at++;
    else if (beginsFrame(marker)) {
      const [height, width] = [view.getUint16(at + 5), view.getUint16(at + 7)];
      checkSides(height, width);
      if (height * width > pixelsPerByte * bytes.length)
        throw new RangeError(`expected ${height} × ${width} pixels but found ${bytes.length} bytes, too few for them`);
      return height * width;
    } else at += 2 + view.getUint16(at + 2);
  }
  return 0;
}

/** Decodes a JPEG, baseline or progressive, to RGB. SyntaxError or RangeError on what is broken or too large. */
export async function decodeJpeg(bytes: Uint8Array): Promise<Pixels> {
  const pixels = checkFrame(bytes);
  const { decode } = await import('jpeg-js');
  try {
    const { height, width, data } = decode(bytes, {
      useTArray: true,
      formatAsRGBA: false,
      tolerantDecoding: false,
      maxResolutionInMP: maxPixels / 1e6,
      maxMemoryUsageInMB: 8 + (bytesPerPixel * pixels) / 2 ** 20,
    });
    return { height, width, channels: 3, data };
  } catch (cause) {
    throw new SyntaxError(`expected a JPEG image but found: ${reasonOf(cause, 'another file')}`, { cause });
  }
}
