import { type Draw, pick } from './draws.ts';

const awkward = [0, 1, 0x0a, 0x0d, 0x20, 0x22, 0x2c, 0x2d, 0x30, 0x39, 0x5b, 0x5c, 0x5d, 0x7b, 0x7d, 0x7f, 0x80, 0xff];

/** Sizes and counts that overflow, wrap or ask for too much. */
const wide = [0n, 1n, 0x7fn, 0xffn, 0xffffn, 0x7fffffffn, 0xffffffffn, 1n << 32n, (1n << 53n) - 1n, 1n << 53n, (1n << 63n) - 1n, (1n << 64n) - 1n]; // prettier-ignore

const joined = (...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> => {
  const out = new Uint8Array(parts.reduce((total, part) => total + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
};

/** Bytes without any form. */
export function rawBytes(draw: Draw): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length: draw(300) }, () => (draw(3) === 0 ? pick(draw, awkward) : draw(256)));
}

/** The bytes with some of `from` to `to` changed: cut, removed, doubled, moved, overwritten, or taken from a second file. */
export function mutateBytes(bytes: Uint8Array, draw: Draw, from = 0, to = bytes.length): Uint8Array<ArrayBuffer> {
  const span = Math.max(1, to - from);
  const place = (): number => from + draw(span);
  const at = place();
  const length = 1 + draw(draw(4) === 0 ? 400 : 16);
  switch (draw(8)) {
    case 0:
      return bytes.slice(0, at);
    case 1:
      return joined(bytes.subarray(0, at), bytes.subarray(at + length));
    case 2:
      return joined(bytes.subarray(0, at + length), bytes.subarray(at));
    case 3: {
      const source = place();
      return joined(bytes.subarray(0, at), bytes.subarray(source, source + length), bytes.subarray(at));
    }
    case 4: {
      const out = bytes.slice();
      const view = new DataView(out.buffer);
      const size = pick(draw, [1, 2, 4, 8]);
      if (at + size > out.length) return out;
      const value = BigInt.asUintN(8 * size, pick(draw, wide));
      for (let i = 0; i < size; i++) view.setUint8(at + i, Number((value >> BigInt(8 * i)) & 0xffn));
      return out;
    }
    default: {
      const out = bytes.slice();
      for (let i = 1 + draw(4); i > 0; i--) out[place()] = draw(2) === 0 ? draw(256) : pick(draw, awkward);
      return out;
    }
  }
}
