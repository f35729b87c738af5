/** Thrift's compact protocol, walked without keeping anything: Parquet's footer and page headers are written in it. */

const maxDepth = 32;

/** RangeError where a structure is nested too deep, a list longer than the bytes that are left, or the end missing. */
export function checkThrift(view: DataView, start: number): void {
  let at = start;

  const byte = (): number => {
    if (at >= view.byteLength) throw new RangeError('a structure that does not end');
    return view.getUint8(at++);
  };
  const varint = (): number => {
    let value = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      const next = byte();
      value += (next & 127) * 2 ** shift;
      if (next < 128) return value;
    }
    throw new RangeError('a number of more than ten bytes');
  };
  const skip = (length: number): void => {
    if (length > view.byteLength - at)
      throw new RangeError(`a text of ${length} bytes where ${view.byteLength - at} are left`);
    at += length;
  };

  const value = (type: number, depth: number, inList: boolean): void => {
    if (depth > maxDepth) throw new RangeError(`structures more than ${maxDepth} deep`);
    if (type === 1 || type === 2) {
      if (inList) skip(1);
    } else if (type === 3) skip(1);
    else if (type >= 4 && type <= 6) varint();
    else if (type === 7) skip(8);
    else if (type === 8) skip(varint());
    else if (type === 9) {
      const head = byte();
      const short = head >> 4;
      const length = short === 15 ? varint() : short;
      if (length > view.byteLength - at)
        throw new RangeError(`a list of ${length} where ${view.byteLength - at} bytes are left`);
      for (let i = 0; i < length; i++) value(head & 15, depth + 1, true);
    } else if (type === 12) struct(depth + 1);
    else throw new RangeError(`a field of type ${type}`);
  };
  const struct = (depth: number): void => {
    for (let head = byte(); (head & 15) !== 0; head = byte()) {
      if (head >> 4 === 0) varint();
      value(head & 15, depth, false);
    }
  };
  struct(0);
}
