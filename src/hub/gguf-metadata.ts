import type { Gguf, GgufValue } from './gguf.ts';

/** Typed reads of a GGUF file's metadata; TypeError that names file and key where the type is another. */
export interface GgufFields {
  readonly file: string;
  has(key: string): boolean;
  number(key: string): number | undefined;
  requiredNumber(key: string): number;
  integer(key: string): number | undefined;
  requiredInteger(key: string): number;
  string(key: string): string | undefined;
  boolean(key: string): boolean | undefined;
  strings(key: string): readonly string[] | undefined;
}

/** The shortest decimal that is the same f32: 1e-5 rather than 9.999999747378752e-6. */
function shortestF32(value: number): number {
  for (let digits = 1; digits < 9; digits++) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === value) return short;
  }
  return value;
}

const describe = (value: GgufValue): string => (typeof value === 'object' ? 'a list' : JSON.stringify(String(value)));

export function ggufFields(gguf: Gguf): GgufFields {
  const { metadata } = gguf;
  const file = gguf.file.name;

  function read<T>(key: string, expected: string, pick: (value: GgufValue) => T | undefined): T | undefined {
    const value = metadata.get(key);
    if (value === undefined) return undefined;
    const picked = pick(value);
    if (picked === undefined) throw new TypeError(`${file}: ${key}: expected ${expected} but found ${describe(value)}`);
    return picked;
  }

  const integer = (key: string): number | undefined =>
    read(key, 'one integer', (value) => (typeof value === 'number' && Number.isSafeInteger(value) ? value : undefined));

  const number = (key: string): number | undefined =>
    read(key, 'one number', (value) =>
      typeof value === 'number' && Number.isFinite(value) ? shortestF32(value) : undefined,
    );

  function required(key: string, value: number | undefined): number {
    if (value === undefined) throw new SyntaxError(`${file}: expected ${key} but found no such key`);
    return value;
  }

  return {
    file,
    has: (key) => metadata.has(key),
    number,
    requiredNumber: (key) => required(key, number(key)),
    integer,
    requiredInteger: (key) => required(key, integer(key)),
    string: (key) => read(key, 'text', (value) => (typeof value === 'string' ? value : undefined)),
    boolean: (key) => read(key, 'true or false', (value) => (typeof value === 'boolean' ? value : undefined)),
    strings: (key) =>
      read(key, 'a list of texts', (value) =>
        Array.isArray(value) && value.every((each) => typeof each === 'string') ? value : undefined,
      ),
  };
}
