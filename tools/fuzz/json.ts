import { type Draw, pick } from './draws.ts';
import { mutateBytes, rawBytes } from './bytes.ts';

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

const nested = (depth: number, open: string, close: string): string => open.repeat(depth) + close.repeat(depth);

/** JSON texts that stand where something else was expected. */
const awkward: readonly string[] = [
  'null',
  'true',
  'false',
  '0',
  '-1',
  '1',
  '2',
  '0.5',
  '-0',
  '1e308',
  '1e999',
  '9007199254740991',
  '9007199254740993',
  '4294967296',
  '1000000000',
  '""',
  '"a"',
  '"__proto__"',
  '"\\u0000"',
  '"\\ud800"',
  '"../../x"',
  '"/etc/passwd"',
  `"${'x'.repeat(5000)}"`,
  `"${'(a+)+'.repeat(20)}$"`,
  '[]',
  '{}',
  '[null]',
  '[[]]',
  '["a", 1]',
  '{"__proto__": {"x": 1}}',
  '{"constructor": 1, "toString": 2}',
];

/** So deep that walking it by recursion ends the stack. */
const deep: readonly string[] = [nested(20_000, '[', ']'), `${'{"a":'.repeat(20_000)}1${'}'.repeat(20_000)}`];

const marker = '\u{10ffff}';

/** A JSON value with one to four places changed: replaced, left out, doubled, moved, renamed. Text, since not all of it parses. */
export function mutateJson(value: Json, draw: Draw): string {
  const root: { value: Json } = { value: structuredClone(value) };
  const inserted: string[] = [];
  const raw = (text: string): string => `${marker}${inserted.push(text) - 1}${marker}`;
  const replacement = (): Json => {
    const kind = draw(12);
    if (kind < 3) return structuredClone(placeIn(root.value, draw).value);
    return raw(kind === 11 && draw(40) === 0 ? pick(draw, deep) : pick(draw, awkward));
  };
  for (let count = draw(2) === 0 ? 1 : 1 + draw(4); count > 0; count--) {
    const { holder, key } = placeIn(root.value, draw);
    if (holder === undefined) {
      if (draw(8) === 0) root.value = replacement();
    } else if (Array.isArray(holder)) {
      const at = Number(key);
      const kind = draw(5);
      if (kind === 0) holder.splice(at, 1);
      else if (kind === 1) holder.splice(at, 0, structuredClone(holder[at] ?? null));
      else if (kind === 2) holder.splice(at, 0, replacement());
      else holder[at] = replacement();
    } else {
      const kind = draw(6);
      const old = holder[key] ?? null;
      if (kind === 0) delete holder[key];
      else if (kind === 1) {
        delete holder[key];
        holder[pick(draw, ['__proto__', 'constructor', `${key}x`, 'length', ''])] = old;
      } else holder[key] = typeof old === 'number' && kind === 2 ? nearby(old, draw) : replacement();
    }
  }
  const text = JSON.stringify(root.value);
  return text.replace(
    new RegExp(`"${marker}(\\d+)${marker}"`, 'gu'),
    (_, index: string) => inserted[Number(index)] ?? '',
  );
}

function nearby(value: number, draw: Draw): number {
  return pick(draw, [value + 1, value - 1, -value, value * 2, value / 2, value * 1e6, value + 0.5, 0]);
}

interface Place {
  readonly value: Json;
  readonly holder: Json[] | { [key: string]: Json } | undefined;
  readonly key: string;
}

/** A place below a value, the upper ones as likely as the many lower ones. */
function placeIn(root: Json, draw: Draw): Place {
  let place: Place = { value: root, holder: undefined, key: '' };
  while (typeof place.value === 'object' && place.value !== null) {
    const holder = place.value;
    const keys = Array.isArray(holder) ? holder.length : Object.keys(holder).length;
    if (keys === 0 || (place.holder !== undefined && draw(3) === 0)) break;
    const key = Array.isArray(holder) ? String(draw(keys)) : pick(draw, Object.keys(holder));
    place = { value: (holder as { [key: string]: Json })[key] ?? null, holder, key };
  }
  return place;
}

const encoder = new TextEncoder();

/** A file of JSON, mostly changed as a value, sometimes as bytes, seldom without any form. */
export function jsonFile(value: Json, draw: Draw): Uint8Array<ArrayBuffer> {
  const kind = draw(20);
  if (kind === 0) return rawBytes(draw);
  if (kind < 5) return mutateBytes(encoder.encode(JSON.stringify(value)), draw);
  return encoder.encode(mutateJson(value, draw));
}
