/** What only JavaScript itself says, of a value that nobody looked at. */
const unguarded =
  /Cannot read propert|Cannot set propert|(?<!something that )is not a function|is not iterable|is not defined|Maximum call stack|Invalid array length|Invalid typed array length|Array buffer allocation|Invalid string length|Cannot convert|Cannot mix BigInt|Invalid array buffer|outside the bounds|over-read|\[object Object\]|Cannot destructure|reduce of empty|Invalid regular expression flags|before initialization|circular structure|Invalid count value|out of memory/i;

const classes: ReadonlySet<unknown> = new Set([Error, SyntaxError, RangeError, TypeError]);

/** What is wrong with an error as an answer to a broken file; undefined for one that names the file and what was found in it. */
export function faultOf(error: unknown, says: string): string | undefined {
  if (!(error instanceof Error)) return `not an Error: ${String(error)}`;
  if (!classes.has(error.constructor)) return `not a built-in class: ${error.constructor.name}`;
  if (unguarded.test(error.message)) return `an unguarded value: ${error.message}`;
  if (!error.message.includes(says)) return `does not name ${says}: ${error.message}`;
  if (error.message.length > 2000) return `a message of ${error.message.length} characters`;
  return undefined;
}
