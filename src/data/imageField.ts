/** The image of a row: a path, its bytes, or its pixels. */
import { isRecord } from '../hub/json.ts';
import type { Json } from '../hub/python-text.ts';
import { reasonOf } from '../ir/errors.ts';
import { decodeJpeg, isJpeg } from './jpeg.ts';
import { checkSides, type Pixels } from './pixels.ts';
import { decodePng, isPng } from './png.ts';
import type { Row } from './reader.ts';

const others: readonly (readonly [name: string, begins: string, at?: number])[] = [
  ['a GIF', 'GIF8'],
  ['a WebP', 'WEBP', 8],
  ['a BMP', 'BM'],
  ['a TIFF', 'II*'],
  ['a TIFF', 'MM\0*'],
  ['an AVIF', 'ftypavif', 4],
];

/** Decodes a PNG or JPEG. SyntaxError or RangeError on another kind of file and on a broken one. */
export async function decodeImage(bytes: Uint8Array): Promise<Pixels> {
  if (isPng(bytes)) return decodePng(bytes);
  if (isJpeg(bytes)) return decodeJpeg(bytes);
  const text = String.fromCharCode(...bytes.subarray(0, 16));
  const found = others.find(([, begins, at = 0]) => text.startsWith(begins, at));
  throw new SyntaxError(
    `expected a PNG or JPEG image but found ${found ? `${found[0]} image` : bytes.length === 0 ? 'no bytes' : 'bytes of another kind'}`,
  );
}

function fromBase64(text: string): Uint8Array {
  try {
    return Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
  } catch (cause) {
    throw new SyntaxError('expected bytes in base64 but found others', { cause });
  }
}

/** Rows of grey values, or of [r, g, b], each an integer from 0 to 255. */
function listedPixels(rows: readonly Json[]): Pixels {
  const [first] = rows;
  const width = Array.isArray(first) ? first.length : 0;
  checkSides(rows.length, width);
  const channels = Array.isArray(first) && Array.isArray(first[0]) ? 3 : 1;
  const data = new Uint8Array(rows.length * width * channels);
  let at = 0;
  const put = (value: Json | undefined, where: string): void => {
    if (typeof value !== 'number' || !Number.isInteger(value) || value < 0 || value > 255)
      throw new TypeError(`expected integers from 0 to 255 but found ${JSON.stringify(value ?? null)} at ${where}`);
    data[at++] = value;
  };
  for (const [y, row] of rows.entries()) {
    if (!Array.isArray(row) || row.length !== width)
      throw new TypeError(`expected rows of ${width} pixels but found another at row ${y}`);
    for (const [x, pixel] of row.entries()) {
      const where = `row ${y}, column ${x}`;
      if (channels === 1) put(pixel, where);
      else if (!Array.isArray(pixel) || pixel.length !== 3)
        throw new TypeError(`expected [red, green, blue] but found another pixel at ${where}`);
      else for (const value of pixel) put(value, where);
    }
  }
  return { height: rows.length, width, channels, data };
}

type Given = Json | Uint8Array | undefined;

async function pixelsOf(image: Given, readFile: Row['readFile']): Promise<Pixels> {
  if (image instanceof Uint8Array) return decodeImage(image);
  if (Array.isArray(image)) return listedPixels(image);
  if (typeof image === 'string') {
    const [, encoded] = /^data:[^,]*;base64,(.*)$/s.exec(image) ?? [];
    if (encoded !== undefined) return decodeImage(fromBase64(encoded));
    if (image.startsWith('data:')) throw new SyntaxError('expected a data URL in base64 but found another');
    if (readFile === undefined)
      throw new TypeError(`expected bytes or pixels but found the path ${image}, which only rows of a file may name`);
    return decodeImage(await readFile(image));
  }
  if (isRecord(image)) {
    const { bytes, path } = image as { bytes?: Given; path?: Given };
    if (bytes instanceof Uint8Array) return decodeImage(bytes);
    if (typeof bytes === 'string') return decodeImage(fromBase64(bytes));
    if (typeof path === 'string') return pixelsOf(path, readFile);
  }
  const found = image === undefined || image === null ? 'nothing' : JSON.stringify(image).slice(0, 60);
  throw new TypeError(`expected a path, {"bytes"}, a data URL or rows of pixels but found ${found}`);
}

/** The decoded image of a row: a path below its file's folder, a data URL, {bytes} in base64, or rows of pixels. Errors name the row. */
export async function imageOf({ fields, place, readFile }: Row): Promise<Pixels> {
  const { image } = fields;
  try {
    return await pixelsOf(image, readFile);
  } catch (cause) {
    const named = typeof image === 'string' && !image.startsWith('data:') ? ` ${image}` : '';
    const Kind = cause instanceof TypeError ? TypeError : cause instanceof RangeError ? RangeError : Error;
    throw new Kind(`${place}: image${named}: ${reasonOf(cause, 'it cannot be read')}`, { cause });
  }
}
