import type { JsonRule, JsonShape } from './jsonSchema.ts';

/** How far a text that must become JSON has come; immutable. Keys are written without escapes. */
export interface JsonMatcher {
  /** The state after more text; undefined where no JSON of the rule goes on so. */
  advance(text: string): JsonMatcher | undefined;
  /** The text so far is a whole value. */
  readonly complete: boolean;
  /** It is, and nothing can be added to it. */
  readonly final: boolean;
}

/** Most whitespace in a row: a model must not fill its budget with it. */
const mostSpaces = 16;

type ObjectShape = Extract<JsonShape, { kind: 'object' }>;

/** What is still to come at one depth; the innermost first. */
type Frame =
  | { readonly kind: 'value'; readonly rule: JsonRule }
  | { readonly kind: 'literal'; readonly rest: string }
  | { readonly kind: 'string'; readonly least: number; readonly most: number; readonly escape: number }
  | { readonly kind: 'number'; readonly integer: boolean; readonly part: NumberPart }
  /** Before a key or the end; `first` right after the brace. */
  | {
      readonly kind: 'object';
      readonly shape: ObjectShape;
      readonly seen: ReadonlySet<string>;
      readonly first: boolean;
    }
  | { readonly kind: 'key'; readonly shape: ObjectShape; readonly seen: ReadonlySet<string>; readonly name: string }
  | {
      readonly kind: 'afterKey';
      readonly rule: JsonRule;
      readonly shape: ObjectShape;
      readonly seen: ReadonlySet<string>;
    }
  | { readonly kind: 'afterValue'; readonly shape: ObjectShape; readonly seen: ReadonlySet<string> }
  | { readonly kind: 'items'; readonly shape: Extract<JsonShape, { kind: 'array' }>; readonly count: number };

type NumberPart = 'sign' | 'zero' | 'integer' | 'point' | 'fraction' | 'e' | 'eSign' | 'exponent';

interface Stack {
  readonly frame: Frame;
  readonly below: Stack | undefined;
  readonly spaces: number;
}

/** `undefined` is a whole value with nothing left. */
type State = Stack | undefined;

const numberEnds: ReadonlySet<NumberPart> = new Set(['zero', 'integer', 'fraction', 'exponent']);

function nextPart(part: NumberPart, integer: boolean, c: string): NumberPart | undefined {
  const digit = c >= '0' && c <= '9';
  if (part === 'sign') return c === '0' ? 'zero' : digit ? 'integer' : undefined;
  if (part === 'point') return digit ? 'fraction' : undefined;
  if (part === 'e') return digit ? 'exponent' : c === '+' || c === '-' ? 'eSign' : undefined;
  if (part === 'eSign') return digit ? 'exponent' : undefined;
  if (digit && part !== 'zero') return part;
  if (integer || part === 'exponent') return undefined;
  if (c === '.' && part !== 'fraction') return 'point';
  return c === 'e' || c === 'E' ? 'e' : undefined;
}

const isSpace = (c: string): boolean => c === ' ' || c === '\n' || c === '\t' || c === '\r';

const push = (frame: Frame, below: State): Stack => ({ frame, below, spaces: 0 });

/** States after the first character of a value. */
function begin(rule: JsonRule, below: State, c: string): State[] {
  return rule().flatMap((shape): State[] => {
    if (shape.kind === 'literals') {
      return shape.texts.filter((text) => text.startsWith(c)).map((text) => literal(text.slice(1), below));
    }
    if (shape.kind === 'string')
      return c === '"' ? [push({ kind: 'string', least: shape.least, most: shape.most, escape: 0 }, below)] : [];
    if (shape.kind === 'number') {
      const part = c === '-' ? 'sign' : nextPart('sign', shape.integer, c);
      return part === undefined ? [] : [push({ kind: 'number', integer: shape.integer, part }, below)];
    }
    if (shape.kind === 'array') return c === '[' ? [push({ kind: 'items', shape, count: 0 }, below)] : [];
    return c === '{' ? [push({ kind: 'object', shape, seen: new Set(), first: true }, below)] : [];
  });
}

const literal = (rest: string, below: State): State => (rest === '' ? below : push({ kind: 'literal', rest }, below));

function stepString(frame: Extract<Frame, { kind: 'string' }>, below: State, c: string): State[] {
  const { least, most, escape } = frame;
  const stay = (changes: Partial<typeof frame>): State[] => [push({ ...frame, ...changes }, below)];
  // 1 after a backslash, 2 to 5 inside \uXXXX.
  const counted = { least: least - 1, most: most - 1, escape: 0 };
  if (escape === 1) return c === 'u' ? stay({ escape: 2 }) : '"\\/bfnrt'.includes(c) ? stay(counted) : [];
  if (escape > 1) return !/[0-9a-fA-F]/.test(c) ? [] : escape === 5 ? stay(counted) : stay({ escape: escape + 1 });
  if (c === '"') return least <= 0 ? [below] : [];
  if (c < ' ' || most <= 0) return [];
  return c === '\\' ? stay({ escape: 1 }) : stay(counted);
}

function stepKey(frame: Extract<Frame, { kind: 'key' }>, below: State, c: string): State[] {
  const { shape, seen, name } = frame;
  if (c === '"') {
    const rule = shape.properties.get(name) ?? shape.rest;
    if (!rule || seen.has(name)) return [];
    return [push({ kind: 'afterKey', rule, shape, seen: new Set([...seen, name]) }, below)];
  }
  if (c < ' ' || c === '\\') return [];
  const longer = name + c;
  const fits =
    shape.rest !== undefined || [...shape.properties.keys()].some((key) => !seen.has(key) && key.startsWith(longer));
  return fits ? [push({ kind: 'key', shape, seen, name: longer }, below)] : [];
}

const allThere = ({ required }: ObjectShape, seen: ReadonlySet<string>): boolean =>
  [...required].every((name) => seen.has(name));

const moreKeys = ({ properties, rest }: ObjectShape, seen: ReadonlySet<string>): boolean =>
  rest !== undefined || [...properties.keys()].some((name) => !seen.has(name));

function step(stack: Stack, c: string): State[] {
  const { frame, below, spaces } = stack;
  if (frame.kind === 'literal') return frame.rest.startsWith(c) ? [literal(frame.rest.slice(1), below)] : [];
  if (frame.kind === 'string') return stepString(frame, below, c);
  if (frame.kind === 'key') return stepKey(frame, below, c);
  if (frame.kind === 'number') {
    const part = nextPart(frame.part, frame.integer, c);
    if (part !== undefined) return [push({ ...frame, part }, below)];
    // A number ends where something else begins.
    return numberEnds.has(frame.part) ? stepState(below, c) : [];
  }
  if (isSpace(c)) return spaces < mostSpaces ? [{ ...stack, spaces: spaces + 1 }] : [];
  if (frame.kind === 'value') return begin(frame.rule, below, c);
  if (frame.kind === 'afterKey') {
    const { rule, shape, seen } = frame;
    return c === ':' ? [push({ kind: 'value', rule }, push({ kind: 'afterValue', shape, seen }, below))] : [];
  }
  if (frame.kind === 'object') {
    const { shape, seen, first } = frame;
    if (c === '}' && first && allThere(shape, seen)) return [below];
    return c === '"' && moreKeys(shape, seen) ? [push({ kind: 'key', shape, seen, name: '' }, below)] : [];
  }
  if (frame.kind === 'afterValue') {
    const { shape, seen } = frame;
    if (c === '}' && allThere(shape, seen)) return [below];
    return c === ',' && moreKeys(shape, seen) ? [push({ kind: 'object', shape, seen, first: false }, below)] : [];
  }
  const { shape, count } = frame;
  if (c === ']' && count >= shape.least) return [below];
  if (count >= shape.most) return [];
  const after = push({ kind: 'items', shape, count: count + 1 }, below);
  if (count === 0) return begin(shape.items, after, c);
  return c === ',' ? [push({ kind: 'value', rule: shape.items }, after)] : [];
}

/** Nothing may follow a whole value. */
const stepState = (state: State, c: string): State[] => (state === undefined ? [] : step(state, c));

const isWhole = (state: State): boolean =>
  state === undefined ||
  (state.frame.kind === 'number' && numberEnds.has(state.frame.part) && state.below === undefined);

function matcher(states: readonly State[]): JsonMatcher {
  return {
    complete: states.some(isWhole),
    final: states.every((state) => state === undefined),
    advance: (text) => {
      let current: readonly State[] = states;
      for (const c of text) {
        current = current.flatMap((state) => stepState(state, c));
        if (current.length === 0) return undefined;
      }
      return matcher(current);
    },
  };
}

/** A matcher before the first character. */
export function jsonMatcher(rule: JsonRule): JsonMatcher {
  return matcher([push({ kind: 'value', rule }, undefined)]);
}
