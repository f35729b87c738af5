/** A short form of a value of any kind and size, for the end of an error's sentence. */
export function describe(value: unknown): string {
  if (value === undefined) return 'nothing';
  let text: string;
  try {
    text = typeof value === 'number' ? String(value) : (JSON.stringify(value) ?? typeof value);
  } catch {
    // Nested past the stack.
    text = Array.isArray(value) ? '[[…' : '{…';
  }
  return text.length <= 80 ? text : `${text.slice(0, 77)}...`;
}

const isStackEnd = (cause: unknown): boolean =>
  cause instanceof RangeError && cause.message.startsWith('Maximum call stack');

const kinds = [SyntaxError, RangeError, TypeError];

/** The error, its sentence beginning with `where` unless it says that already; a stack that ran out is told as too deep a nesting. */
export function errorAt(where: string, cause: unknown): unknown {
  if (!(cause instanceof Error)) return cause;
  if (isStackEnd(cause)) return new RangeError(`${where}: expected values nested less deeply`, { cause });
  if (cause.message.includes(where)) return cause;
  const Kind = kinds.find((each) => cause instanceof each) ?? Error;
  return new Kind(`${where}: ${cause.message}`, { cause });
}

/** What `work` returns; its errors say where. */
export function named<T>(where: string, work: () => T): T {
  try {
    return work();
  } catch (cause) {
    throw errorAt(where, cause);
  }
}

const engines =
  /^Cannot (?:read|set|use|convert|destructure|mix)|is not (?:a function|iterable|a constructor)$|DataView|array length|string length|^Array buffer/;

/** What a library's error says, cut where it is long; `otherwise` where it is only the engine's about a value that the library took on trust. */
export function reasonOf(cause: unknown, otherwise: string): string {
  const message = cause instanceof Error ? cause.message : String(cause);
  if (isStackEnd(cause)) return 'it is nested too deeply';
  const isEngines = (cause instanceof TypeError || cause instanceof RangeError) && engines.test(message);
  if (isEngines || message === '') return otherwise;
  return message.length <= 200 ? message : `${message.slice(0, 197)}...`;
}
