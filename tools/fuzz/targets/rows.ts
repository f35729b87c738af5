import { readdirSync, readFileSync } from 'node:fs';
import { readRows, type RowSource } from '../../../src/data/reader.ts';
import { mutateBytes, rawBytes } from '../bytes.ts';
import { type Draw, pick } from '../draws.ts';
import { type Json, mutateJson } from '../json.ts';
import { fileCase, type FuzzTarget } from '../target.ts';

const encoder = new TextEncoder();

const rows: readonly Json[] = [
  { text: 'one' },
  { prompt: 'a\u2028b', completion: 'c "d", e', label: true },
  {
    messages: [
      { role: 'user', content: 'hi' },
      { role: 'assistant', content: null, tool_calls: [{ id: '1', score: 1.0 }] },
    ],
  },
  { input_ids: [1, 2, 3], labels: [-100, 2, 1e5] },
];

/** Pieces of any length, as a stream has them. */
async function* pieces(bytes: Uint8Array, draw: Draw): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length;) {
    const length = draw(3) === 0 ? bytes.length : 1 + draw(64);
    yield bytes.subarray(at, at + length);
    at += length;
  }
}

async function readEach(source: RowSource): Promise<void> {
  for await (const { place, fields } of readRows(source)) {
    if (!place.startsWith(source.name) || typeof fields !== 'object') throw new Error('a row without its place');
  }
}

function textTarget(ending: string, weight: number, make: (draw: Draw) => string): FuzzTarget {
  const name = `fuzzed.${ending}`;
  return {
    name: ending,
    weight,
    says: name,
    caseOf: (draw) => {
      const kind = draw(10);
      const input = kind === 0 ? rawBytes(draw) : encoder.encode(make(draw));
      const bytes = kind > 0 && kind < 4 ? mutateBytes(input, draw) : input;
      const seed = draw(1 << 30);
      return {
        input: bytes,
        read: () => readEach({ name, open: () => pieces(bytes, (below) => (seed >>> 3) % below) }),
      };
    },
  };
}

const changed = (draw: Draw): string =>
  draw(3) === 0 ? mutateJson(pick(draw, rows), draw) : JSON.stringify(pick(draw, rows));

export const jsonlTarget = textTarget('jsonl', 100, (draw) =>
  Array.from({ length: 1 + draw(4) }, () => changed(draw)).join(
    pick(draw, ['\n', '\n', '\r\n', '\n\n', '\u2028', ' ']),
  ),
);

export const jsonListTarget = textTarget(
  'json',
  80,
  (draw) =>
    `${pick(draw, ['', '\ufeff', ' '])}[${Array.from({ length: draw(4) }, () => changed(draw)).join(pick(draw, [',', ', ', ',,', '\n']))}${pick(draw, [']', ']', '] ', ']]', ''])}`,
);

const cells = ['a', '', '"b"', '"c""d"', '"e\nf"', '"g', 'h"i', ' j ', '\r', '\ufeff', '\0', '1e9', "'"];

export const csvTarget = textTarget('csv', 80, (draw) => {
  const width = 1 + draw(3);
  const line = (): string => Array.from({ length: draw(8) === 0 ? draw(5) : width }, () => pick(draw, cells)).join(',');
  return `text,label,x\n${Array.from({ length: draw(5) }, line).join(pick(draw, ['\n', '\r\n', '\r']))}`;
});

const parquetFiles = new URL('../../../test/fixtures/parquet/', import.meta.url);
const parquet = readdirSync(parquetFiles)
  .filter((each) => each.endsWith('.parquet'))
  .map((each) => Uint8Array.from(readFileSync(new URL(each, parquetFiles))));

export const parquetTarget: FuzzTarget = {
  name: 'parquet',
  weight: 3,
  says: 'fuzzed.parquet',
  // A row group is held whole, up to 256 MiB.
  mostMiB: 320,
  caseOf: (draw) => {
    const seed = pick(draw, parquet);
    const footer = seed.length - 8 - new DataView(seed.buffer).getUint32(seed.length - 8, true);
    const kind = draw(20);
    const input =
      kind === 0 ? rawBytes(draw) : kind < 12 ? mutateBytes(seed, draw, footer) : mutateBytes(seed, draw, 0, footer);
    const name = 'fuzzed.parquet';
    return fileCase(name, input, (file) =>
      readEach({ name, open: () => pieces(input, draw), openFile: async () => file }),
    );
  },
};
