import { describe } from '../ir/errors.ts';

/** Sizes stay below this everywhere. */
const maxSize = 2 ** 31 - 1;
/** More blocks than any model has: a config that asks for more would fill the memory before a tensor is missed. */
export const maxLayers = 10_000;

/** Reads the fields of a config.json by name, with errors that say where, expected and found. */
export interface Fields {
  number(name: string, fallback?: number): number;
  /** From 0 to `most`, which is 2^31 - 1 unless given. */
  integer(name: string, fallback?: number, most?: number): number;
  /** As `integer`, but null stays null where a field says so. */
  integerOrNull(name: string, fallback: number): number | null;
  boolean(name: string, fallback: boolean): boolean;
  string(name: string, fallback?: string): string;
  /** undefined where the field is absent or null. */
  optional(name: string): unknown;
  object(name: string): Fields | undefined;
  /** Names of fields that have a value and were never asked for. */
  unread(): readonly string[];
}

export function fieldsOf(object: Readonly<Record<string, unknown>>, where: string): Fields {
  const asked = new Set<string>();
  const optional = (name: string): unknown => {
    asked.add(name);
    return object[name] ?? undefined;
  };
  const wrong = (name: string, expected: string): TypeError =>
    new TypeError(`Expected ${expected} at ${where}.${name} but found ${describe(object[name])}`);
  const number = (name: string, fallback?: number): number => {
    const value = optional(name) ?? fallback;
    if (typeof value !== 'number' || !Number.isFinite(value)) throw wrong(name, 'a number');
    return value;
  };
  const integer = (name: string, fallback?: number, most = maxSize): number => {
    const value = number(name, fallback);
    if (!Number.isSafeInteger(value) || value < 0) throw wrong(name, 'a non-negative integer');
    if (value > most) throw wrong(name, `an integer of at most ${most}`);
    return value;
  };
  return {
    optional,
    number,
    integer,
    integerOrNull: (name, fallback) => {
      if (object[name] !== null) return integer(name, fallback);
      asked.add(name);
      return null;
    },
    boolean: (name, fallback) => {
      const value = optional(name) ?? fallback;
      if (typeof value !== 'boolean') throw wrong(name, 'true or false');
      return value;
    },
    string: (name, fallback) => {
      const value = optional(name) ?? fallback;
      if (typeof value !== 'string') throw wrong(name, 'a string');
      return value;
    },
    object: (name) => {
      const value = optional(name);
      if (value === undefined) return undefined;
      if (typeof value !== 'object' || Array.isArray(value)) throw wrong(name, 'an object');
      return fieldsOf(value as Record<string, unknown>, `${where}.${name}`);
    },
    // null is as good as left out.
    unread: () => Object.keys(object).filter((name) => !asked.has(name) && (object[name] ?? undefined) !== undefined),
  };
}
