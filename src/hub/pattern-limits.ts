/**
 * Which regular expressions of a tokenizer.json are run. A backtracking matcher takes exponential time on nested repetition
 * and polynomial time on several repetitions in a row; the patterns of real tokenizers need neither.
 */

const maxLength = 20_000;
/** A repetition up to a larger count is taken as one without end. */
const fewTimes = 16;

/** What one alternative may do. */
interface Cost {
  /** Repetitions without end, one after another. */
  readonly loops: number;
  /** Something must match after two of them. */
  readonly tail: boolean;
}

/** Steps that a matcher may take on a short text at worst. */
const maxSteps = 2e6;

/** How many repetitions in a row a text of `length` characters allows: a matcher tries every way to share it out among them. */
function loopsFor(length: number): number {
  let [ways, loops] = [1, 0];
  while (loops < length && (ways *= (length - loops) / (loops + 1)) <= maxSteps) loops++;
  return loops;
}

/** As `checkPattern`, for texts of known length, such as paths of modules: several repetitions and looking ahead are fine on few characters. */
export const checkPatternFor = (source: string, length: number, where: string): void =>
  checkPattern(source, where, loopsFor(length));

/** Throws RangeError, naming where, on a pattern whose time is not bounded by the square of the text's length; or one with more than `inRow` repetitions in a row. */
export function checkPattern(source: string, where: string, inRow?: number): void {
  const refuse = (why: string): never => {
    const shown = source.length > 80 ? `${source.slice(0, 77)}...` : source;
    throw new RangeError(`${where}: the pattern ${JSON.stringify(shown)} is refused: ${why}`);
  };
  if (source.length > maxLength) refuse(`expected at most ${maxLength} characters but found ${source.length}`);
  let at = 0;
  let depth = 0;

  const skipClass = (): void => {
    let level = 0;
    do {
      const char = source[at++];
      if (char === undefined) return;
      if (char === '\\') at++;
      else if (char === '[') level++;
      else if (char === ']') level--;
    } while (level > 0);
  };

  /** Largest count of the quantifier here; 1 where there is none, Infinity where it has no end. */
  const quantifier = (): { readonly least: number; readonly most: number } => {
    const counted = /^\{(\d+)(,(\d*))?\}/.exec(source.slice(at, at + 24));
    const char = source[at];
    let found = { least: 1, most: 1 };
    if (char === '*' || char === '+') found = { least: char === '+' ? 1 : 0, most: Infinity };
    else if (char === '?') found = { least: 0, most: 1 };
    else if (counted) {
      const least = Number(counted[1]);
      found = { least, most: counted[2] === undefined ? least : counted[3] === '' ? Infinity : Number(counted[3]) };
    } else return found;
    at += counted && char === '{' ? counted[0].length : 1;
    if (source[at] === '?' || source[at] === '+') at++;
    return found;
  };

  /** One factor: what it costs, whether it is a group, whether it takes no text. */
  const atom = (): Cost & { readonly group: boolean; readonly empty: boolean } => {
    const single = { loops: 0, tail: false, group: false, empty: false };
    const char = source[at];
    if (char === '[') skipClass();
    else if (char === '\\') {
      if (/[1-9k]/.test(source[at + 1] ?? '')) refuse('it refers back to a group');
      at += /^\\[pP]\{/.test(source.slice(at, at + 3)) ? source.indexOf('}', at) + 1 - at || 2 : 2;
    } else if (char === '(') {
      const opening = /^\((?:\?(?:[:=!>]|<[=!]|<\w+>|[a-z-]+[:)])?)?/.exec(source.slice(at, at + 40))?.[0] ?? '(';
      at += opening.length;
      if (opening.endsWith(')')) return { ...single, empty: true };
      if (++depth > 50) refuse('its groups are nested more than 50 deep');
      const inner = alternatives();
      depth--;
      at++;
      const empty = /[=!]$/.test(opening);
      if (empty && inner.loops > 0 && inRow === undefined) refuse('it looks ahead or behind over a repetition');
      return { ...inner, group: true, empty };
    } else {
      at++;
      return { ...single, empty: char === '^' || char === '$' };
    }
    return single;
  };

  const alternative = (): Cost => {
    let loops = 0;
    let tail = false;
    while (at < source.length && source[at] !== '|' && source[at] !== ')') {
      const factor = atom();
      const { least, most } = quantifier();
      const unbounded = most > fewTimes;
      if (unbounded && factor.group) refuse('it repeats a group');
      if (most > 1 && factor.loops > 0) refuse('it repeats a repetition');
      if (loops >= 2 && (factor.tail || (least > 0 && (factor.loops === 0 || !unbounded)))) tail = true;
      loops += factor.loops + (unbounded ? 1 : 0);
      const tooMany = inRow === undefined ? loops > 2 || (loops === 2 && (tail || factor.tail)) : loops > inRow;
      if (tooMany) refuse('it has several repetitions in a row');
    }
    return { loops, tail };
  };

  const alternatives = (): Cost => {
    let cost: Cost = { loops: 0, tail: false };
    for (;;) {
      const { loops, tail } = alternative();
      cost = { loops: Math.max(cost.loops, loops), tail: cost.tail || tail };
      if (source[at] !== '|') return cost;
      at++;
    }
  };

  while (at < source.length) {
    alternatives();
    at++;
  }
}

/** Checks every pattern inside a part of tokenizer.json. */
export function checkPatterns(part: unknown, where: string): void {
  if (Array.isArray(part)) part.forEach((item, i) => checkPatterns(item, `${where}[${i}]`));
  else if (part !== null && typeof part === 'object') {
    for (const [key, value] of Object.entries(part)) {
      if (key === 'Regex' && typeof value === 'string') checkPattern(value, where);
      else checkPatterns(value, `${where}.${key}`);
    }
  }
}
