/** Jinja's `selectattr` and `rejectattr`. */
import {
  isDict,
  isList,
  isNumber,
  isString,
  isUndefined,
  makeList,
  makeString,
  makeUndefined,
  type Value,
} from './jinja-values.ts';

type Test = (value: Value, other: Value | undefined, equal: (a: Value, b: Value) => boolean) => boolean;

const equalTo: Test = (value, other, equal) => other !== undefined && equal(value, other);
const isIn: Test = (value, other, equal) => isList(other) && other.value.some((item) => equal(item, value));

const tests: Record<string, Test> = {
  defined: (value) => !isUndefined(value),
  undefined: (value) => isUndefined(value),
  none: (value) => value.type === 'NullValue',
  string: (value) => isString(value),
  number: (value) => isNumber(value),
  mapping: (value) => isDict(value),
  true: (value) => value.type === 'BooleanValue' && value.value === true,
  false: (value) => value.type === 'BooleanValue' && value.value === false,
  equalto: equalTo,
  eq: equalTo,
  '==': equalTo,
  ne: (value, other, equal) => !equalTo(value, other, equal),
  '!=': (value, other, equal) => !equalTo(value, other, equal),
  in: isIn,
};

/** The items whose attribute passes (or, with `keep` false, fails) the test that the arguments name; truth without one. */
export function selectByAttribute(args: Value[], keep: boolean, equal: (a: Value, b: Value) => boolean): Value {
  const [value, path, name, other] = args;
  if (!isString(path)) throw new TypeError('selectattr expects the name of an attribute');
  if (name !== undefined && !isString(name)) throw new TypeError('selectattr expects the name of a test');
  const test = name === undefined ? truthy : tests[name.value];
  if (test === undefined) throw new RangeError(`test ${String(name?.value)} is not supported`);
  return makeList(itemsOf(value).filter((item) => test(attribute(item, path.value), other, equal) === keep));
}

function itemsOf(value: Value | undefined): Value[] {
  if (value === undefined || isUndefined(value)) return [];
  if (isList(value)) return value.value;
  if (isString(value)) return Array.from(value.value, makeString);
  if (isDict(value)) return [...value.value.keys()].map(makeString);
  throw new TypeError(`a value of type ${value.type} is not iterable`);
}

function attribute(item: Value, path: string): Value {
  let found: Value = item;
  for (const part of path.split('.')) {
    const next = isDict(found) ? found.value.get(part) : isList(found) ? found.value[Number(part)] : undefined;
    if (next === undefined) return makeUndefined();
    found = next;
  }
  return found;
}

/** Python's truth. */
export function truthy(value: Value): boolean {
  if (isList(value)) return value.value.length > 0;
  if (isDict(value)) return value.value.size > 0;
  return Boolean(value.value);
}
