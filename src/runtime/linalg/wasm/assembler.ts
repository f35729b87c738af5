/** Bytes of instructions that leave at most one value on the stack. */
export type Code = readonly number[];

export type ValueType = 'i32' | 'f64' | 'v128';

const typeBytes: Record<ValueType, number> = { i32: 0x7f, f64: 0x7c, v128: 0x7b };

/** A local variable or parameter of a function. */
export interface Local {
  readonly get: Code;
  set(value: Code): Code;
}

/** A function of a module: no result, what it computes lies in memory. */
export interface WasmFunction {
  readonly name: string;
  readonly params: readonly ValueType[];
  readonly locals: readonly ValueType[];
  readonly body: Code;
}

/** Unsigned LEB128. */
function unsigned(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  do {
    const low = rest & 0x7f;
    rest >>>= 7;
    bytes.push(rest === 0 ? low : low | 0x80);
  } while (rest !== 0);
  return bytes;
}

/** Signed LEB128. */
function signed(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (;;) {
    const low = rest & 0x7f;
    rest >>= 7;
    if ((rest === 0 && (low & 0x40) === 0) || (rest === -1 && (low & 0x40) !== 0)) return [...bytes, low];
    bytes.push(low | 0x80);
  }
}

const simd = (opcode: number): number[] => [0xfd, ...unsigned(opcode)];
const binary =
  (opcode: readonly number[]) =>
  (a: Code, b: Code): Code => [...a, ...b, ...opcode];
const memory = (opcode: readonly number[], offset: number): number[] => [...opcode, 0, ...unsigned(offset)];

/** 32-bit integers: addresses in bytes, counts. */
export const i32 = {
  const: (value: number): Code => [0x41, ...signed(value)],
  add: binary([0x6a]),
  sub: binary([0x6b]),
  mul: binary([0x6c]),
  lessThan: binary([0x48]),
  /** Of addresses, which reach past 2³¹. */
  below: binary([0x49]),
  load: (address: Code, offset = 0): Code => [...address, ...memory([0x28], offset)],
};

export const f64 = {
  zero: [0x44, 0, 0, 0, 0, 0, 0, 0, 0] as Code,
  add: binary([0xa0]),
  mul: binary([0xa2]),
  load: (address: Code, offset = 0): Code => [...address, ...memory([0x2b], offset)],
  store: (address: Code, value: Code, offset = 0): Code => [...address, ...value, ...memory([0x39], offset)],
};

/** Pairs of f64. */
export const f64x2 = {
  zero: [...simd(12), ...Array<number>(16).fill(0)] as Code,
  load: (address: Code, offset = 0): Code => [...address, ...memory(simd(0), offset)],
  store: (address: Code, value: Code, offset = 0): Code => [...address, ...value, ...memory(simd(11), offset)],
  /** One f64 of memory in both lanes. */
  loadSplat: (address: Code, offset = 0): Code => [...address, ...memory(simd(10), offset)],
  lane: (value: Code, lane: 0 | 1): Code => [...value, ...simd(33), lane],
  add: binary(simd(240)),
  sub: binary(simd(241)),
  mul: binary(simd(242)),
};

export const block = (...codes: readonly Code[]): Code => codes.flat();

/** Runs the body while the condition holds. */
export const whileLoop = (condition: Code, ...body: readonly Code[]): Code => [
  0x02,
  0x40,
  0x03,
  0x40,
  ...condition,
  0x45,
  0x0d,
  1,
  ...body.flat(),
  0x0c,
  0,
  0x0b,
  0x0b,
];

export const ifElse = (condition: Code, then: Code, otherwise: Code): Code => [
  ...condition,
  0x04,
  0x40,
  ...then,
  0x05,
  ...otherwise,
  0x0b,
];

export const advance = (local: Local, bytes: Code): Code => local.set(i32.add(local.get, bytes));

/** A function of named parameters. */
export function wasmFunction<P extends string>(
  name: string,
  params: Readonly<Record<P, ValueType>>,
  write: (params: Readonly<Record<P, Local>>, local: (type: ValueType) => Local) => Code,
): WasmFunction {
  const types = Object.values<ValueType>(params);
  const locals: ValueType[] = [];
  const at = (index: number): Local => ({
    get: [0x20, ...unsigned(index)],
    set: (value) => [...value, 0x21, ...unsigned(index)],
  });
  const named = Object.fromEntries(Object.keys(params).map((key, index) => [key, at(index)])) as Record<P, Local>;
  const body = write(named, (type) => at(types.length + locals.push(type) - 1));
  return { name, params: types, locals, body };
}

const vector = (items: readonly Code[]): Code => [...unsigned(items.length), ...items.flat()];
const section = (id: number, content: Code): Code => [id, ...unsigned(content.length), ...content];
const text = (value: string): Code => vector(Array.from({ length: value.length }, (_, i) => [value.charCodeAt(i)]));

const magic: Code = [0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0];

/** A WebAssembly module that exports the functions and its `memory` (WebAssembly Core 2.0, section 5). */
export function wasmModule(functions: readonly WasmFunction[]): Uint8Array<ArrayBuffer> {
  const types = functions.map(({ params }): Code => [0x60, ...vector(params.map((type) => [typeBytes[type]])), 0]);
  const bodies = functions.map(({ locals, body }): Code => {
    const code = [...vector(locals.map((type) => [1, typeBytes[type]])), ...body, 0x0b];
    return [...unsigned(code.length), ...code];
  });
  return Uint8Array.from([
    ...magic,
    ...section(1, vector(types)),
    ...section(3, vector(functions.map((_, index) => unsigned(index)))),
    ...section(5, vector([[0x00, 1]])),
    ...section(
      7,
      vector([
        [...text('memory'), 2, 0],
        ...functions.map(({ name }, index): Code => [...text(name), 0, ...unsigned(index)]),
      ]),
    ),
    ...section(10, vector(bodies)),
  ]);
}
