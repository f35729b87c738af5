/** JSON as Python's `json` reads it, numbers included: JavaScript's own parser forgets that `1.0` is a float. */

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** Key under which an object or array keeps the source text of those of its numbers that JavaScript would print differently. */
export const numberSources: unique symbol = Symbol('numberSources');

type Holder = { [numberSources]?: Record<string, string> };

/** Source text of the number at `holder[key]`, where it says more than the number itself (`1.0`, `1e5`, integers past 2^53). */
export function numberSource(holder: object, key: string | number): string | undefined {
  const sources = (holder as Holder)[numberSources];
  return sources !== undefined && Object.hasOwn(sources, String(key)) ? sources[String(key)] : undefined;
}

const telling = /\d\.|\d[eE]|-0|\d{16}/;

/** `JSON.parse` that remembers which numbers were floats and the digits of large integers; throws SyntaxError as `JSON.parse` does. */
export function parseJson(text: string): Json {
  if (!telling.test(text)) return JSON.parse(text) as Json;
  return JSON.parse(text, function (this: object, key: string, value: unknown, context?: { source?: string }) {
    const source = context?.source;
    if (typeof value !== 'number' || source === undefined || source === String(value)) return value;
    const holder = this as Holder;
    let sources = holder[numberSources];
    if (sources === undefined) {
      sources = Object.create(null) as Record<string, string>;
      // not enumerable: rows stay equal to what JSON.parse gives
      Object.defineProperty(holder, numberSources, { value: sources });
    }
    sources[key] = source;
    return value;
  }) as Json;
}

/** `repr(float)` of Python: `1.0`, `1e-07`, `1e+16`, `inf`, `nan`. */
export function pythonFloat(x: number): string {
  if (Number.isNaN(x)) return 'nan';
  if (!Number.isFinite(x)) return x > 0 ? 'inf' : '-inf';
  if (x === 0) return Object.is(x, -0) ? '-0.0' : '0.0';
  const [mantissa = '', exponentText = '0'] = x.toExponential().split('e');
  const exponent = Number(exponentText);
  if (exponent < -4 || exponent >= 16) {
    return `${mantissa}e${exponent < 0 ? '-' : '+'}${String(Math.abs(exponent)).padStart(2, '0')}`;
  }
  const sign = x < 0 ? '-' : '';
  const digits = mantissa.replace('-', '').replace('.', '');
  if (exponent < 0) return `${sign}0.${'0'.repeat(-exponent - 1)}${digits}`;
  const whole = digits.slice(0, exponent + 1).padEnd(exponent + 1, '0');
  return `${sign}${whole}.${digits.slice(exponent + 1) || '0'}`;
}

/** `json.dumps(str)` of Python; with `ascii`, everything outside printable ASCII becomes `\uXXXX`. */
export function pythonJsonString(text: string, ascii: boolean): string {
  // JSON.stringify escapes lone surrogates, Python's json leaves them
  const quoted = JSON.stringify(text).replace(/\\(u[dD][89a-fA-F][0-9a-fA-F]{2}|[^])/g, (whole, rest: string) =>
    rest.length === 5 ? String.fromCharCode(parseInt(rest.slice(1), 16)) : whole,
  );
  if (!ascii) return quoted;
  return quoted.replace(/[^ -~]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

const namedEscapes: Record<string, string> = { '\n': '\\n', '\r': '\\r', '\t': '\\t', '\\': '\\\\' };

/** `repr(str)` of Python. */
export function pythonRepr(text: string): string {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  const body = text.replace(/[\\'"\p{C}]|(?! )\p{Z}/gu, (char) => {
    if (char === "'" || char === '"') return char === quote ? `\\${char}` : char;
    const named = namedEscapes[char];
    if (named !== undefined) return named;
    const code = char.codePointAt(0) ?? 0;
    if (code < 0x100) return `\\x${code.toString(16).padStart(2, '0')}`;
    return code < 0x10000 ? `\\u${code.toString(16).padStart(4, '0')}` : `\\U${code.toString(16).padStart(8, '0')}`;
  });
  return quote + body + quote;
}

const spaces = String.raw`\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000`;
const spaceBefore = new RegExp(`^[${spaces}]+`);
const spaceChar = new RegExp(`[${spaces}]`);

/** `str.strip`, `lstrip`, `rstrip` of Python: whitespace by Python's definition, or any of `chars`. */
export function pythonStrip(text: string, side: 'both' | 'left' | 'right', chars?: string): string {
  const set = chars === undefined ? undefined : new Set(chars);
  const drops = (char: string): boolean => (set === undefined ? spaceChar.test(char) : set.has(char));
  let start = 0;
  let end = text.length;
  if (side !== 'right') {
    if (set === undefined) start = spaceBefore.exec(text)?.[0].length ?? 0;
    else for (let char = at(text, 0); char !== '' && drops(char); char = at(text, start)) start += char.length;
  }
  if (side !== 'left') {
    for (let char = before(text, end); end > start && drops(char); char = before(text, end)) end -= char.length;
  }
  return text.slice(start, end);
}

function at(text: string, index: number): string {
  const code = text.codePointAt(index);
  return code === undefined ? '' : String.fromCodePoint(code);
}

function before(text: string, index: number): string {
  const pair = index >= 2 ? text.codePointAt(index - 2) : undefined;
  return pair !== undefined && pair > 0xffff ? text.slice(index - 2, index) : text.slice(Math.max(index - 1, 0), index);
}
