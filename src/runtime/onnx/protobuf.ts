/** Writes Protocol Buffers wire format; `message` nests, `finish` returns the bytes written so far. */
export interface ProtobufWriter {
  /** Signed 64-bit integer as a varint (int32, int64, enum); safe integers and bigints only. */
  int(field: number, value: number | bigint): void;
  /** IEEE single as fixed32. */
  float(field: number, value: number): void;
  string(field: number, value: string): void;
  bytes(field: number, value: Uint8Array): void;
  message(field: number, write: () => void): void;
  finish(): Uint8Array<ArrayBuffer>;
}

const VARINT = 0;
const LENGTH_DELIMITED = 2;
const FIXED32 = 5;

/** Bytes a varint of a non-negative safe integer takes. */
function varintSize(value: number): number {
  let size = 1;
  for (let rest = value; rest >= 128; rest = Math.floor(rest / 128)) size++;
  return size;
}

function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 127) return false;
  return true;
}

/** A writer over one growing buffer; `capacity` in bytes avoids regrowth when the size is known roughly. */
export function protobufWriter(capacity = 1024): ProtobufWriter {
  const encoder = new TextEncoder();
  let buffer = new Uint8Array(Math.max(16, capacity));
  let view = new DataView(buffer.buffer);
  let end = 0;

  function reserve(size: number): void {
    if (end + size <= buffer.length) return;
    const grown = new Uint8Array(Math.max(end + size, buffer.length * 2));
    grown.set(buffer.subarray(0, end));
    buffer = grown;
    view = new DataView(buffer.buffer);
  }

  function unsigned(value: number): void {
    reserve(8);
    let rest = value;
    for (; rest >= 128; rest = Math.floor(rest / 128)) buffer[end++] = (rest % 128) | 128;
    buffer[end++] = rest;
  }

  function tag(field: number, wireType: number): void {
    unsigned(field * 8 + wireType);
  }

  function signed(value: number | bigint): void {
    if (typeof value === 'number') {
      if (!Number.isSafeInteger(value))
        throw new RangeError(`Expected a safe integer in a protobuf varint but found ${value}`);
      if (value >= 0) return unsigned(value);
    }
    const wide = BigInt(value);
    if (BigInt.asIntN(64, wide) !== wide)
      throw new RangeError(`Expected a 64-bit integer in a protobuf varint but found ${value}`);
    reserve(10);
    let rest = BigInt.asUintN(64, wide);
    for (; rest >= 128n; rest >>= 7n) buffer[end++] = Number(rest & 127n) | 128;
    buffer[end++] = Number(rest);
  }

  function bytes(field: number, value: Uint8Array): void {
    tag(field, LENGTH_DELIMITED);
    unsigned(value.length);
    reserve(value.length);
    buffer.set(value, end);
    end += value.length;
  }

  return {
    int(field, value) {
      tag(field, VARINT);
      signed(value);
    },
    float(field, value) {
      tag(field, FIXED32);
      reserve(4);
      view.setFloat32(end, value, true);
      end += 4;
    },
    string(field, value) {
      // Names are ASCII nearly always, and short: writing them here is several times as fast as an encoder's call.
      if (!isAscii(value)) return bytes(field, encoder.encode(value));
      tag(field, LENGTH_DELIMITED);
      unsigned(value.length);
      reserve(value.length);
      for (let i = 0; i < value.length; i++) buffer[end + i] = value.charCodeAt(i);
      end += value.length;
    },
    bytes,
    message(field, write) {
      tag(field, LENGTH_DELIMITED);
      const start = end;
      write();
      const length = end - start;
      const shift = varintSize(length);
      reserve(shift);
      // The length is only known now: make room for it in front of the body.
      buffer.copyWithin(start + shift, start, end);
      end = start;
      unsigned(length);
      end += length;
    },
    finish: () => buffer.slice(0, end),
  };
}
