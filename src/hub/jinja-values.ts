/** The values a Jinja template computes with, read and written as Python does. */
import { Environment } from '@huggingface/jinja';
import { type Json, numberSource, pythonFloat, pythonJsonString, pythonRepr } from './python-text.ts';

/** A runtime value of @huggingface/jinja; `value` depends on `type`. */
export type Value = { type: string; value: unknown; source?: string };
export type Scope = { variables: Map<string, Value>; lookupVariable: (name: string) => Value };
export type Native = (args: Value[], scope: Scope) => Value;

const probe = new Environment();
let probes = 0;

/** The library exports no value classes: each is taken from a value that the library itself made. */
function maker(example: unknown): (value: unknown) => Value {
  const made = probe.set(`probe ${probes++}`, example);
  const Class = made.constructor as new (value: unknown) => Value;
  return (value) => new Class(value);
}

export const makeString = maker('') as (value: string) => Value;
export const makeInteger = maker(0) as (value: number) => Value;
export const makeFloat = maker(0.5) as (value: number) => Value;
export const makeBoolean = maker(true) as (value: boolean) => Value;
const noneMaker = maker(null);
const undefinedMaker = maker(undefined);
export const makeNone = (): Value => noneMaker(null);
export const makeUndefined = (): Value => undefinedMaker(undefined);
export const makeList = maker([]) as (value: Value[]) => Value;
export const makeDict = maker({}) as (value: Map<string, Value>) => Value;

const functionMaker = maker(() => null);

export function makeFunction(native: Native): Value {
  return functionMaker(native);
}

export const isString = (value: Value | undefined): value is Value & { value: string } => value?.type === 'StringValue';
export const isList = (value: Value | undefined): value is Value & { value: Value[] } =>
  value?.type === 'ArrayValue' || value?.type === 'TupleValue';
export const isDict = (value: Value | undefined): value is Value & { value: Map<string, Value> } =>
  value?.type === 'ObjectValue' || value?.type === 'KeywordArgumentsValue';
export const isNumber = (value: Value | undefined): value is Value & { value: number | boolean } =>
  value?.type === 'IntegerValue' || value?.type === 'FloatValue' || value?.type === 'BooleanValue';
export const isUndefined = (value: Value | undefined): boolean =>
  value === undefined || value.type === 'UndefinedValue';
export const isCallable = (value: Value | undefined): value is Value & { value: Native } =>
  value?.type === 'FunctionValue';

/** JSON to template values; numbers keep what Python would have read (float or int, all digits). */
export function fromJson(json: Json | undefined, source?: string): Value {
  if (json === undefined) return makeUndefined();
  if (json === null) return makeNone();
  if (typeof json === 'string') return makeString(json);
  if (typeof json === 'boolean') return makeBoolean(json);
  if (typeof json === 'number') {
    const float = source === undefined ? !Number.isInteger(json) : /[.eE]/.test(source);
    if (float) return makeFloat(json);
    const integer = makeInteger(json === 0 ? 0 : json);
    if (source !== undefined && !Number.isSafeInteger(json)) integer.source = source;
    return integer;
  }
  if (Array.isArray(json)) return makeList(json.map((item, i) => fromJson(item, numberSource(json, i))));
  return makeDict(new Map(Object.entries(json).map(([key, item]) => [key, fromJson(item, numberSource(json, key))])));
}

/** Collects text and refuses to grow past a limit. */
export type Sink = { add: (text: string) => void };

function numberText(value: Value): string {
  if (value.type === 'FloatValue') return pythonFloat(value.value as number);
  const number = value.value as number;
  return value.source ?? (Number.isSafeInteger(number) ? String(number) : BigInt(Math.trunc(number)).toString());
}

/** `str(value)` of Python into `sink` (`repr` below the top level). */
export function writeStr(value: Value, sink: Sink, nested = false): void {
  const items = (list: Value[], open: string, close: string): void => {
    sink.add(open);
    list.forEach((item, i) => {
      if (i > 0) sink.add(', ');
      writeStr(item, sink, true);
    });
    sink.add(close);
  };
  if (isString(value)) sink.add(nested ? pythonRepr(value.value) : value.value);
  else if (isUndefined(value)) sink.add(nested ? 'Undefined' : '');
  else if (value.type === 'NullValue') sink.add('None');
  else if (value.type === 'BooleanValue') sink.add(value.value === true ? 'True' : 'False');
  else if (isNumber(value)) sink.add(numberText(value));
  else if (value.type === 'TupleValue')
    items(value.value as Value[], '(', (value.value as Value[]).length === 1 ? ',)' : ')');
  else if (isList(value)) items(value.value, '[', ']');
  else if (isDict(value)) {
    sink.add('{');
    [...value.value].forEach(([key, item], i) => {
      sink.add(`${i > 0 ? ', ' : ''}${pythonRepr(key)}: `);
      writeStr(item, sink, true);
    });
    sink.add('}');
  } else throw new TypeError(`a ${value.type} cannot be written as text`);
}

export type JsonStyle = { ascii: boolean; indent: string | undefined; separators: [string, string]; sortKeys: boolean };

/** `json.dumps(value)` of Python into `sink`. */
export function writeJson(value: Value, sink: Sink, style: JsonStyle, depth = 0): void {
  const [comma, colon] = style.separators;
  const newline = (level: number): string => (style.indent === undefined ? '' : `\n${style.indent.repeat(level)}`);
  if (isString(value)) sink.add(pythonJsonString(value.value, style.ascii));
  else if (value.type === 'NullValue') sink.add('null');
  else if (value.type === 'BooleanValue') sink.add(value.value === true ? 'true' : 'false');
  else if (value.type === 'FloatValue') {
    const text = pythonFloat(value.value as number);
    sink.add(text.replace('inf', 'Infinity').replace('nan', 'NaN'));
  } else if (isNumber(value)) sink.add(numberText(value));
  else if (isList(value)) {
    if (value.value.length === 0) return sink.add('[]');
    sink.add('[');
    value.value.forEach((item, i) => {
      sink.add((i > 0 ? comma : '') + newline(depth + 1));
      writeJson(item, sink, style, depth + 1);
    });
    sink.add(`${newline(depth)}]`);
  } else if (isDict(value)) {
    const entries = [...value.value];
    if (entries.length === 0) return sink.add('{}');
    if (style.sortKeys) entries.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
    sink.add('{');
    entries.forEach(([key, item], i) => {
      sink.add(`${i > 0 ? comma : ''}${newline(depth + 1)}${pythonJsonString(key, style.ascii)}${colon}`);
      writeJson(item, sink, style, depth + 1);
    });
    sink.add(`${newline(depth)}}`);
  } else throw new TypeError(`a value of type ${value.type} is not JSON serializable`);
  return undefined;
}

/** `a == b` of Python; `charge` is called once per pair compared. */
export function pythonEquals(a: Value, b: Value, charge: () => void): boolean {
  charge();
  if (isNumber(a) && isNumber(b)) return Number(a.value) === Number(b.value);
  if (isList(a) && isList(b)) {
    const other = b.value;
    return (
      (a.type === 'TupleValue') === (b.type === 'TupleValue') &&
      a.value.length === other.length &&
      a.value.every((item, i) => pythonEquals(item, other[i] ?? makeUndefined(), charge))
    );
  }
  if (isDict(a) && isDict(b)) {
    const other = b.value;
    return (
      a.value.size === other.size &&
      [...a.value].every(([key, item]) => {
        const match = other.get(key);
        return match !== undefined && pythonEquals(item, match, charge);
      })
    );
  }
  return a.type === b.type && a.value === b.value;
}
