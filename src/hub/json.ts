import { describe, reasonOf } from '../ir/errors.ts';

export { describe } from '../ir/errors.ts';

/** Parses JSON; SyntaxError that says where it comes from. */
export function parseJson(text: string, where: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    throw new SyntaxError(`${where}: expected JSON but found: ${reasonOf(cause, 'none')}`, {
      cause,
    });
  }
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The value as an object with string keys; SyntaxError that says what was found. */
export function recordOf(value: unknown, where: string): Record<string, unknown> {
  if (isRecord(value)) return value;
  throw new SyntaxError(`${where}: expected an object but found ${describe(value)}`);
}

/** The first key that stands twice in one object of valid JSON text, which JSON.parse would drop silently. */
export function duplicateKey(text: string): string | undefined {
  // One entry per open bracket: the keys so far of an object, undefined for an array.
  const open: (Set<string> | undefined)[] = [];
  let key = false;
  for (let i = 0; i < text.length; i++) {
    const c = text[i];
    if (c === '{') {
      open.push(new Set());
      key = true;
    } else if (c === '[') {
      open.push(undefined);
      key = false;
    } else if (c === '}' || c === ']') {
      open.pop();
      key = false;
    } else if (c === ',') {
      key = open.at(-1) !== undefined;
    } else if (c === '"') {
      const start = i;
      for (i++; text[i] !== '"'; i++) if (text[i] === '\\') i++;
      const keys = open.at(-1);
      if (!key || keys === undefined) continue;
      const name = JSON.parse(text.slice(start, i + 1)) as string;
      if (keys.has(name)) return name;
      keys.add(name);
      key = false;
    }
  }
  return undefined;
}
