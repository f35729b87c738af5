/** An image in 8 bits: rows of pixels, the channels of each side by side; one channel is grey, three are RGB. */
export interface Pixels {
  readonly height: number;
  readonly width: number;
  readonly channels: 1 | 3;
  readonly data: Uint8Array;
}

/** Images of more pixels are refused before they are decoded. */
export const maxPixels = 1 << 26;

/** RangeError on sides that no image has here. */
export function checkSides(height: number, width: number): void {
  if (height < 1 || width < 1 || height * width > maxPixels)
    throw new RangeError(`expected an image of 1 to ${maxPixels} pixels but found ${height} × ${width}`);
}

/** Grey as ITU-R 601-2 weighs the colours, in Pillow's fixed point: (19595 R + 38470 G + 7471 B) / 2^16; RGB as three times the grey. */
export function withChannels(pixels: Pixels, channels: 1 | 3): Pixels {
  const { height, width, data } = pixels;
  if (pixels.channels === channels) return pixels;
  const made = new Uint8Array(height * width * channels);
  for (let i = 0; i < height * width; i++) {
    if (channels === 3) made.fill(data[i] ?? 0, 3 * i, 3 * i + 3);
    else {
      const [r, g, b] = [data[3 * i] ?? 0, data[3 * i + 1] ?? 0, data[3 * i + 2] ?? 0];
      made[i] = (r * 19595 + g * 38470 + b * 7471 + 0x8000) >> 16;
    }
  }
  return { height, width, channels, data: made };
}
