/** The functions that a rewritten template calls: Python's behaviour, with text and steps counted. */
import {
  isCallable,
  isDict,
  isList,
  isNumber,
  isString,
  isUndefined,
  makeBoolean,
  makeFloat,
  makeFunction,
  makeInteger,
  makeList,
  makeString,
  makeUndefined,
  type Native,
  pythonEquals,
  type Scope,
  type Sink,
  type Value,
  writeJson,
  writeStr,
} from './jinja-values.ts';
import { selectByAttribute, truthy } from './jinja-select.ts';
import { pythonStrip } from './python-text.ts';
import { strftime } from './strftime.ts';

/** Where a rendering writes, what it may still spend, and the spans that `{% generation %}` blocks covered. */
export type Rendering = {
  /** Open captures; the first is the page itself. */
  outputs: string[];
  spans: { start: number; end: number }[];
  charge: (steps: number) => void;
  maxChars: number;
};

export const generationName = 'tuneloop_generation__';

/** All functions of one rendering by name. */
export function templateFunctions(rendering: Rendering, now: () => Date): Map<string, Value> {
  const { outputs, charge } = rendering;
  const collect = (write: (sink: Sink) => void): string => {
    let text = '';
    write({
      add(piece) {
        charge(1);
        text += piece;
        if (text.length > rendering.maxChars) throw new RangeError(`text longer than ${rendering.maxChars} characters`);
      },
    });
    return text;
  };
  const str = (value: Value): string => (isString(value) ? value.value : collect((sink) => writeStr(value, sink)));
  const equal = (a: Value, b: Value): boolean => pythonEquals(a, b, () => charge(1));
  const contains = (item: Value, container: Value): boolean => {
    if (isUndefined(container)) return false;
    if (isString(container)) {
      if (!isString(item)) throw new TypeError(`'in <string>' requires string as left operand, not ${item.type}`);
      return container.value.includes(item.value);
    }
    if (isList(container)) return container.value.some((member) => equal(member, item));
    if (isDict(container)) return isString(item) && container.value.has(item.value);
    throw new TypeError(`a value of type ${container.type} is not iterable`);
  };
  const table: Record<string, Native> = {
    'write ': ([value]) => {
      const last = outputs.length - 1;
      outputs[last] = (outputs[last] ?? '') + str(need(value));
      if ((outputs[last] ?? '').length > rendering.maxChars)
        throw new RangeError(`text longer than ${rendering.maxChars} characters`);
      return makeUndefined();
    },
    'capture ': () => {
      outputs.push('');
      return makeUndefined();
    },
    'captured ': () => makeString(outputs.pop() ?? ''),
    'iterate ': ([value]) => {
      if (isUndefined(value)) return makeList([]);
      return isString(value) ? makeList(Array.from(value.value, makeString)) : need(value);
    },
    // Jinja gives each turn of a loop its own variables
    'fresh scope ': (names, scope) => {
      const kept = new Set(['loop', 'namespace', ...names.map((name) => String(name.value))]);
      for (const name of scope.variables.keys()) if (!kept.has(name)) scope.variables.delete(name);
      return makeUndefined();
    },
    'defined ': ([value]) => {
      if (isUndefined(value)) throw new TypeError('an undefined value has no attributes');
      return need(value);
    },
    '== ': ([a, b]) => makeBoolean(equal(need(a), need(b))),
    '!= ': ([a, b]) => makeBoolean(!equal(need(a), need(b))),
    '~ ': ([a, b]) => makeString(str(need(a)) + str(need(b))),
    'in ': ([a, b]) => makeBoolean(contains(need(a), need(b))),
    'not in ': ([a, b]) => makeBoolean(!contains(need(a), need(b))),
    '+ ': ([a, b]) => add(need(a), need(b)),
    '% ': ([a, b]) => modulo(need(a), need(b)),
    [generationName]: (_args, scope) => {
      const caller = scope.lookupVariable('caller');
      if (!isCallable(caller)) throw new SyntaxError(`${generationName} is reserved`);
      const rendered = caller.value([], scope);
      const start = (outputs[0] ?? '').length;
      rendering.spans.push({ start, end: start + String(rendered.value).length });
      return rendered;
    },
    range: (args) => rangeOf(args),
    raise_exception: ([message]) => {
      throw new Error(message === undefined ? 'the template raised an exception' : str(message));
    },
    strftime_now: ([format]) => {
      if (!isString(format)) throw new TypeError('strftime_now expects a format string');
      return makeString(strftime(now(), format.value));
    },
    'tojson filter': (args) => makeString(collect((sink) => writeJson(need(args[0]), sink, jsonStyle(args.slice(1))))),
    'string filter': ([value]) => makeString(str(need(value))),
    'trim filter': ([value, chars]) =>
      makeString(pythonStrip(str(need(value)), 'both', optionalString(chars, 'chars'))),
    'length filter': ([value]) => lengthOf(need(value)),
    'count filter': ([value]) => lengthOf(need(value)),
    'capitalize filter': ([value]) => makeString(capitalize(str(need(value)))),
    'join filter': (args) => {
      const { positional, keywords } = split(args);
      if (keywords.has('attribute') || positional.length > 2) throw new TypeError('join by attribute is not supported');
      const separator = positional[1] ?? keywords.get('d');
      const value = need(positional[0]);
      const items = isString(value) ? Array.from(value.value, makeString) : isList(value) ? value.value : undefined;
      if (items === undefined) throw new TypeError(`join expects a list but found a ${value.type}`);
      return makeString(joined(items.map(str), separator === undefined ? '' : str(separator), rendering.maxChars));
    },
    'upper filter': ([value]) => makeString(str(need(value)).toUpperCase()),
    'lower filter': ([value]) => makeString(str(need(value)).toLowerCase()),
    'selectattr filter': (args) => selectByAttribute(args, true, equal),
    'rejectattr filter': (args) => selectByAttribute(args, false, equal),
    'default filter': defaultFilter,
    'd filter': defaultFilter,
  };
  for (const [name, method] of Object.entries(stringMethods)) {
    table[`${name} method`] = (args, scope) => {
      const [object, ...rest] = args;
      if (isString(object)) {
        if (name === 'join' && isList(rest[0])) {
          return makeString(joined(rest[0].value.map(onlyString), object.value, rendering.maxChars));
        }
        return method(object.value, rest);
      }
      return callBuiltin(need(object), name, rest, scope);
    };
  }
  return new Map(Object.entries(table).map(([name, native]) => [name, makeFunction(native)]));
}

const lineEnds = new RegExp(String.raw`\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]`);

const stringMethods: Record<string, (text: string, args: Value[]) => Value> = {
  strip: (text, [chars]) => makeString(pythonStrip(text, 'both', optionalString(chars, 'chars'))),
  lstrip: (text, [chars]) => makeString(pythonStrip(text, 'left', optionalString(chars, 'chars'))),
  rstrip: (text, [chars]) => makeString(pythonStrip(text, 'right', optionalString(chars, 'chars'))),
  capitalize: (text) => makeString(capitalize(text)),
  removeprefix: (text, [prefix]) => {
    const start = onlyString(prefix);
    return makeString(text.startsWith(start) ? text.slice(start.length) : text);
  },
  removesuffix: (text, [suffix]) => {
    const end = onlyString(suffix);
    return makeString(end !== '' && text.endsWith(end) ? text.slice(0, -end.length) : text);
  },
  splitlines: (text) => {
    const lines = text.split(lineEnds);
    if (lines.at(-1) === '') lines.pop();
    return makeList(lines.map(makeString));
  },
  find: (text, [part]) => {
    const index = text.indexOf(onlyString(part));
    return makeInteger(index < 0 ? -1 : Array.from(text.slice(0, index)).length);
  },
  join: (_text, [list]) => {
    throw new TypeError(`join expects a list but found a ${list?.type ?? 'missing argument'}`);
  },
};

function callBuiltin(object: Value, name: string, args: Value[], scope: Scope): Value {
  const builtins = (object as { builtins?: ReadonlyMap<string, Value> }).builtins;
  const found = (isDict(object) ? object.value.get(name) : undefined) ?? builtins?.get(name);
  if (!isCallable(found)) throw new TypeError(`a ${object.type} has no method ${name}`);
  return found.value(args, scope);
}

function need(value: Value | undefined): Value {
  return value ?? makeUndefined();
}

function onlyString(value: Value | undefined): string {
  if (!isString(value)) throw new TypeError(`expected a string but found a ${value?.type ?? 'missing argument'}`);
  return value.value;
}

function optionalString(value: Value | undefined, name: string): string | undefined {
  if (value === undefined || value.type === 'NullValue') return undefined;
  if (value.type === 'KeywordArgumentsValue')
    return optionalString((value.value as Map<string, Value>).get(name), name);
  return onlyString(value);
}

function split(args: Value[]): { positional: Value[]; keywords: Map<string, Value> } {
  const last = args.at(-1);
  if (last?.type !== 'KeywordArgumentsValue') return { positional: args, keywords: new Map() };
  return { positional: args.slice(0, -1), keywords: last.value as Map<string, Value> };
}

function joined(items: string[], separator: string, maxChars: number): string {
  const length = items.reduce((sum, item) => sum + item.length + separator.length, 0);
  if (length > maxChars + separator.length) throw new RangeError(`text longer than ${maxChars} characters`);
  return items.join(separator);
}

function capitalize(text: string): string {
  const first = Array.from(text)[0] ?? '';
  return first.toUpperCase() + text.slice(first.length).toLowerCase();
}

function defaultFilter(args: Value[]): Value {
  const { positional, keywords } = split(args);
  const [value, fallback = keywords.get('default_value') ?? makeString(''), flag = keywords.get('boolean')] =
    positional;
  const falsy = flag?.value === true && value !== undefined && !truthy(value);
  return isUndefined(value) || falsy ? fallback : need(value);
}

function lengthOf(value: Value): Value {
  if (isUndefined(value)) return makeInteger(0);
  if (isString(value)) {
    let length = value.value.length;
    for (const _pair of value.value.matchAll(/[\ud800-\udbff][\udc00-\udfff]/g)) length--;
    return makeInteger(length);
  }
  if (isList(value)) return makeInteger(value.value.length);
  if (isDict(value)) return makeInteger(value.value.size);
  throw new TypeError(`a value of type ${value.type} has no length`);
}

function add(a: Value, b: Value): Value {
  if (isString(a) && isString(b)) return makeString(a.value + b.value);
  if (isList(a) && isList(b)) return makeList([...a.value, ...b.value]);
  if (isNumber(a) && isNumber(b)) {
    const sum = Number(a.value) + Number(b.value);
    return a.type === 'FloatValue' || b.type === 'FloatValue' ? makeFloat(sum) : makeInteger(sum);
  }
  throw new TypeError(`cannot add a ${a.type} and a ${b.type}`);
}

function modulo(a: Value, b: Value): Value {
  if (!isNumber(a) || !isNumber(b)) throw new TypeError(`cannot take a ${a.type} modulo a ${b.type}`);
  const divisor = Number(b.value);
  if (divisor === 0) throw new RangeError('modulo by zero');
  const rest = Number(a.value) - divisor * Math.floor(Number(a.value) / divisor);
  return a.type === 'FloatValue' || b.type === 'FloatValue' ? makeFloat(rest) : makeInteger(rest);
}

/** As in Jinja's sandbox, a range longer than 100,000 is refused. */
function rangeOf(args: Value[]): Value {
  const numbers = args.map((arg) => {
    if (arg.type !== 'IntegerValue') throw new TypeError(`range expects integers but found a ${arg.type}`);
    return arg.value as number;
  });
  const [start = 0, stop = 0, step = 1] = numbers.length === 1 ? [0, ...numbers] : numbers;
  if (step === 0) throw new RangeError('range() arg 3 must not be zero');
  const length = Math.max(0, Math.ceil((stop - start) / step));
  if (!(length <= 100_000)) throw new RangeError(`range of ${length} items is too big: at most 100,000`);
  return makeList(Array.from({ length }, (_, i) => makeInteger(start + i * step)));
}

function jsonStyle(args: Value[]): {
  ascii: boolean;
  indent: string | undefined;
  separators: [string, string];
  sortKeys: boolean;
} {
  const { positional, keywords } = split(args);
  const option = (name: string, place: number): Value | undefined => keywords.get(name) ?? positional[place];
  const indentValue = option('indent', 1);
  const separators = option('separators', 2);
  let indent: string | undefined;
  if (isString(indentValue)) indent = indentValue.value;
  else if (isNumber(indentValue)) indent = ' '.repeat(Math.min(Math.max(Number(indentValue.value), 0), 1000));
  const pair = isList(separators) ? separators.value.map(onlyString) : [indent === undefined ? ', ' : ',', ': '];
  const [comma, colon] = pair;
  if (comma === undefined || colon === undefined || pair.length !== 2)
    throw new TypeError('separators must be a pair of strings');
  return {
    ascii: option('ensure_ascii', 0)?.value === true,
    indent,
    separators: [comma, colon],
    sortKeys: option('sort_keys', 3)?.value === true,
  };
}
