import { checkSides, type Pixels } from './pixels.ts';

const signature = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];

export const isPng = (bytes: Uint8Array): boolean => signature.every((byte, i) => bytes[i] === byte);

const crcTable = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1;
  return value >>> 0;
});

function crcOf(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (let i = 0; i < bytes.length; i++) crc = (crcTable[(crc ^ (bytes[i] ?? 0)) & 255] ?? 0) ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}

interface Header {
  readonly width: number;
  readonly height: number;
  readonly depth: number;
  /** Bit 1: colours from the palette, bit 2: colours, bit 4: alpha. */
  readonly colour: number;
  readonly interlaced: boolean;
}

/** Samples of a pixel by colour type, and the depths that each may have. */
const samples: Readonly<Record<number, { readonly count: number; readonly depths: readonly number[] }>> = {
  0: { count: 1, depths: [1, 2, 4, 8, 16] },
  2: { count: 3, depths: [8, 16] },
  3: { count: 1, depths: [1, 2, 4, 8] },
  4: { count: 2, depths: [8, 16] },
  6: { count: 4, depths: [8, 16] },
};

function headerOf(chunk: Uint8Array | undefined): Header {
  if (chunk?.length !== 13) throw new SyntaxError('expected a header (IHDR) first but found none');
  const view = new DataView(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  const [width, height] = [view.getUint32(0), view.getUint32(4)];
  const [depth = 0, colour = 0, compression, filter, interlace = 0] = chunk.subarray(8);
  checkSides(height, width);
  if (samples[colour]?.depths.includes(depth) !== true || compression !== 0 || filter !== 0 || interlace > 1)
    throw new SyntaxError(
      `expected a colour type, depth, compression, filter and interlacing of the standard but found ${colour}, ${depth}, ${compression}, ${filter}, ${interlace}`,
    );
  return { width, height, depth, colour, interlaced: interlace === 1 };
}

/** Chunks up to the image's end, their checksums checked; only critical ones that are known. */
function chunksOf(bytes: Uint8Array): { header: Header; palette: Uint8Array | undefined; data: Uint8Array[] } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let header: Header | undefined;
  let palette: Uint8Array | undefined;
  const data: Uint8Array[] = [];
  for (let at = signature.length; ;) {
    if (at + 12 > bytes.length)
      throw new SyntaxError(`expected an end (IEND) but found the file's after ${bytes.length} bytes`);
    const length = view.getUint32(at);
    const type = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    if (length > bytes.length - at - 12)
      throw new SyntaxError(`expected ${length} bytes of ${type} at ${at} but the file ends before`);
    const body = bytes.subarray(at + 8, at + 8 + length);
    if (crcOf(bytes.subarray(at + 4, at + 8 + length)) !== view.getUint32(at + 8 + length))
      throw new SyntaxError(`${type} at ${at} does not have the checksum that it states`);
    header ??= headerOf(type === 'IHDR' ? body : undefined);
    if (type === 'PLTE') palette = body;
    else if (type === 'IDAT') data.push(body);
    else if (type === 'IEND') return { header, palette, data };
    else if (type !== 'IHDR' && /^[A-Z]/.test(type))
      throw new SyntaxError(`expected chunks of the standard but found ${type}`);
    at += 12 + length;
  }
}

/** Most bytes that deflate makes of one. */
const mostPerByte = 1032;

/** Inflates to exactly `size` bytes; what a hostile stream would unpack beyond that is never held. */
async function inflate(parts: readonly Uint8Array[], size: number): Promise<Uint8Array> {
  const compressed = parts.reduce((sum, { length }) => sum + length, 0);
  if (size > mostPerByte * compressed)
    throw new RangeError(`expected ${size} bytes of pixels but found ${compressed} compressed ones, too few for them`);
  const blob = new Blob(parts as Uint8Array<ArrayBuffer>[]);
  const reader = blob.stream().pipeThrough(new DecompressionStream('deflate')).getReader();
  const out = new Uint8Array(size);
  let at = 0;
  try {
    while (at < size) {
      const { done, value } = await reader.read();
      if (done) throw new SyntaxError(`expected ${size} bytes of pixels but found ${at}`);
      const some = value.subarray(0, size - at);
      out.set(some, at);
      at += some.length;
    }
  } catch (cause) {
    if (cause instanceof SyntaxError) throw cause;
    throw new SyntaxError('expected compressed pixels but found others', { cause });
  } finally {
    await reader.cancel().catch(() => {});
  }
  return out;
}

function paeth(a: number, b: number, c: number): number {
  const p = a + b - c;
  const [pa, pb, pc] = [Math.abs(p - a), Math.abs(p - b), Math.abs(p - c)];
  if (pa <= pb && pa <= pc) return a;
  return pb <= pc ? b : c;
}

/** Undoes the filters of a pass in place: `rows` rows of a filter's byte and `width` bytes, `step` bytes a pixel. */
function unfilter(data: Uint8Array, rows: number, width: number, step: number): void {
  for (let row = 0; row < rows; row++) {
    const begin = row * (width + 1) + 1;
    const filter = data[begin - 1] ?? 0;
    if (filter > 4) throw new SyntaxError(`expected a row's filter from 0 to 4 but found ${filter}`);
    const above = begin - width - 1;
    for (let i = 0; i < width; i++) {
      const a = i < step ? 0 : (data[begin + i - step] ?? 0);
      const b = row === 0 ? 0 : (data[above + i] ?? 0);
      const c = row === 0 || i < step ? 0 : (data[above + i - step] ?? 0);
      const guess =
        filter === 0 ? 0 : filter === 1 ? a : filter === 2 ? b : filter === 3 ? (a + b) >> 1 : paeth(a, b, c);
      data[begin + i] = (data[begin + i] ?? 0) + guess;
    }
  }
}

/** A part of the image that is stored together: every pixel, or those of one of Adam7's grids. */
interface Pass {
  readonly left: number;
  readonly top: number;
  readonly across: number;
  readonly down: number;
}

const whole: readonly Pass[] = [{ left: 0, top: 0, across: 1, down: 1 }];
const adam7: readonly Pass[] = [
  { left: 0, top: 0, across: 8, down: 8 },
  { left: 4, top: 0, across: 8, down: 8 },
  { left: 0, top: 4, across: 4, down: 8 },
  { left: 2, top: 0, across: 4, down: 4 },
  { left: 0, top: 2, across: 2, down: 4 },
  { left: 1, top: 0, across: 2, down: 2 },
  { left: 0, top: 1, across: 1, down: 2 },
];

/**
 * Decodes a PNG as Pillow's `convert` to L or RGB does: alpha goes, colours of a palette are looked up, few bits are widened and of
 * 16 the high byte is kept. Throws SyntaxError or RangeError on what is broken or too large.
 */
export async function decodePng(bytes: Uint8Array): Promise<Pixels> {
  const { header, palette, data } = chunksOf(bytes);
  const { width, height, depth, colour, interlaced } = header;
  const { count } = samples[colour] ?? { count: 1 };
  const bits = depth * count;
  const step = Math.max(1, bits >> 3);
  const passes = (interlaced ? adam7 : whole).flatMap((pass) => {
    const columns = Math.ceil((width - pass.left) / pass.across);
    const rows = Math.ceil((height - pass.top) / pass.down);
    return columns > 0 && rows > 0 ? [{ ...pass, columns, rows, bytes: Math.ceil((columns * bits) / 8) }] : [];
  });
  const raw = await inflate(
    data,
    passes.reduce((sum, pass) => sum + pass.rows * (pass.bytes + 1), 0),
  );
  const channels = (colour & 2) === 0 ? 1 : 3;
  const pixels = new Uint8Array(width * height * channels);
  // Of 1, 2 or 4 bits, the largest is white; an index stays one.
  const widen = depth < 8 && colour !== 3 ? 255 / (2 ** depth - 1) : 1;
  let start = 0;
  for (const pass of passes) {
    const stored = raw.subarray(start, (start += pass.rows * (pass.bytes + 1)));
    unfilter(stored, pass.rows, pass.bytes, step);
    for (let row = 0; row < pass.rows; row++) {
      const begin = row * (pass.bytes + 1) + 1;
      const to = (pass.top + row * pass.down) * width;
      for (let column = 0; column < pass.columns; column++) {
        const target = channels * (to + pass.left + column * pass.across);
        if (depth < 8) {
          const bit = column * depth;
          const value = ((stored[begin + (bit >> 3)] ?? 0) >> (8 - depth - (bit & 7))) & (2 ** depth - 1);
          if (colour === 3) lookUp(palette, value, pixels, target);
          else pixels[target] = widen * value;
        } else {
          const from = begin + column * step;
          if (colour === 3) lookUp(palette, stored[from] ?? 0, pixels, target);
          else for (let c = 0; c < channels; c++) pixels[target + c] = stored[from + c * (depth >> 3)] ?? 0;
        }
      }
    }
  }
  return { height, width, channels, data: pixels };
}

function lookUp(palette: Uint8Array | undefined, index: number, pixels: Uint8Array, target: number): void {
  if (palette === undefined || 3 * index + 3 > palette.length)
    throw new SyntaxError(`expected a colour of the palette but found ${index}`);
  pixels.set(palette.subarray(3 * index, 3 * index + 3), target);
}
