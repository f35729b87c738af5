import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { generateFormats, readExample, supervisedFormats, tokenizeFormats } from '../../src/data/formats.ts';
import {
  type Columns,
  parseColumns,
  readRows,
  type Row,
  type RowFields,
  type RowSource,
} from '../../src/data/reader.ts';
import { byteStream } from '../../src/hub/files-stream.ts';

const root = await mkdtemp(join(tmpdir(), 'tuneloop-rows-'));
after(() => rm(root, { recursive: true }));

async function collect(all: AsyncIterable<Row>): Promise<Row[]> {
  const read: Row[] = [];
  for await (const row of all) read.push(row);
  return read;
}

const fileSource = (path: string): RowSource => ({ name: path, open: () => byteStream(path) });

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

/** A source in memory whose chunks break lines and characters apart. */
function source(
  name: string,
  content: string | Uint8Array,
  chunk = 3,
): { name: string; open: () => AsyncGenerator<Uint8Array> } {
  const bytes = typeof content === 'string' ? bytesOf(content) : content;
  return {
    name,
    async *open() {
      for (let at = 0; at < bytes.length; at += chunk) yield bytes.subarray(at, at + chunk);
    },
  };
}

async function rows(name: string, content: string | Uint8Array, columns?: Columns): Promise<Row[]> {
  return collect(readRows(source(name, content), columns === undefined ? {} : { columns }));
}

test('lines split at newline bytes alone', async () => {
  const read = await rows('a.jsonl', '\ufeff{"text":"a\u2028b\u2029c\u0085é😀"}\r\n\n{"text":"two"}');
  assert.deepEqual(read, [
    { index: 0, place: 'a.jsonl, line 1', fields: { text: 'a\u2028b\u2029c\u0085é😀' } },
    { index: 2, place: 'a.jsonl, line 3', fields: { text: 'two' } },
  ]);
});

test('errors name the file, the line and what was found', async () => {
  await assert.rejects(
    rows('a.jsonl', '{"text":"x"}\n{"text":'),
    (error: Error) => error instanceof SyntaxError && /a\.jsonl, line 2: expected JSON/.test(error.message),
  );
  await assert.rejects(rows('a.jsonl', '[1]'), /a\.jsonl, line 1: expected an object but found \[1\]/);
  await assert.rejects(rows('a.jsonl', Uint8Array.of(123, 34, 255, 34, 125)), /a\.jsonl, line 1: expected UTF-8/);
  await assert.rejects(rows('a.jsonl', ''), /a\.jsonl: expected at least one row/);
  await assert.rejects(rows('a.jsonl', '\n\n'), /a\.jsonl: expected at least one row/);
  await assert.rejects(rows('a.json', '[]'), /a\.json: expected at least one row/);
  await assert.rejects(rows('a.parquet', 'PAR1'), TypeError);
});

test('a .json file holds a list, or lines', async () => {
  assert.deepEqual(await rows('a.json', ' [{"text":"x"},\n{"text":"y"}]'), [
    { index: 0, place: 'a.json, row 1', fields: { text: 'x' } },
    { index: 1, place: 'a.json, row 2', fields: { text: 'y' } },
  ]);
  assert.equal((await rows('a.json', '{"text":"x"}\n{"text":"y"}\n')).length, 2);
});

test('CSV: quotes, line ends inside cells, ragged rows', async () => {
  const read = await rows('a.csv', 'prompt,completion\r\n"a ""q"",\nb",c\n,\n');
  assert.deepEqual(read, [
    { index: 0, place: 'a.csv, line 2', fields: { prompt: 'a "q",\nb', completion: 'c' } },
    { index: 1, place: 'a.csv, line 4', fields: { prompt: '', completion: '' } },
  ]);
  await assert.rejects(rows('a.csv', 'a,b\n1\n'), /a\.csv, line 2: expected 2 cells as in the header but found 1/);
  await assert.rejects(rows('a.csv', 'a,b\n"1,2\n'), /a\.csv, line 2: a quoted cell does not end/);
});

test('columns are renamed, even exchanged', async () => {
  const line = '{"question":"q","answer":"a","prompt":"old","id":1}';
  const columns = parseColumns('prompt=question,completion=answer');
  assert.deepEqual((await rows('a.jsonl', line, columns))[0]?.fields, { id: 1, prompt: 'q', completion: 'a' });
  assert.deepEqual((await rows('a.jsonl', '{"a":1,"b":2}', { a: 'b', b: 'a' }))[0]?.fields, { a: 2, b: 1 });
  await assert.rejects(
    rows('a.jsonl', '{"q":1}', columns),
    /line 1: expected column "question" for prompt but found q/,
  );
  for (const bad of ['prompt', 'a=', 'a=b=c', 'a=b,a=c']) assert.throws(() => parseColumns(bad), SyntaxError);
});

test('files are read as they are and unzipped, in parts too', async () => {
  const text = Array.from({ length: 5000 }, (_, i) => JSON.stringify({ text: `row ${i}` })).join('\n');
  await writeFile(join(root, 'a.jsonl'), text);
  // two members in one file, as appending writers make them
  await writeFile(join(root, 'b.jsonl.gz'), Buffer.concat([gzipSync(text.slice(0, 1000)), gzipSync(text.slice(1000))]));
  await writeFile(join(root, 'cut.jsonl.gz'), gzipSync(text).subarray(0, 500));
  await writeFile(join(root, 'not.jsonl.gz'), 'plain');
  for (const name of ['a.jsonl', 'b.jsonl.gz']) {
    const read = await collect(readRows(fileSource(join(root, name))));
    assert.equal(read.length, 5000);
    assert.deepEqual(read.at(-1)?.fields, { text: 'row 4999' });
  }
  for (const name of ['cut.jsonl.gz', 'not.jsonl.gz']) {
    await assert.rejects(
      collect(readRows(fileSource(join(root, name)))),
      /\.jsonl\.gz: (unexpected end of file|incorrect header check)/,
    );
  }
  await assert.rejects(collect(readRows(fileSource(join(root, 'absent.jsonl')))), /absent\.jsonl: it does not exist/);
});

const row = (fields: RowFields): Row => ({ index: 0, place: 'd.jsonl, line 1', fields });
const user = { role: 'user', content: 'q' };
const assistant = { role: 'assistant', content: 'a' };

test('formats are told by their columns', () => {
  const kinds = [
    row({ text: 'x' }),
    row({ prompt: 'p', completion: 'c' }),
    row({ prompt: [user], completion: [assistant] }),
    row({ messages: [user], text: 'ignored' }),
    row({ prompt: null, completion: null, text: 'x' }),
  ].map((given) => readExample(given, supervisedFormats).kind);
  assert.deepEqual(kinds, ['text', 'pair', 'chatPair', 'chat', 'text']);
  const shareGpt = readExample(row({ conversations: [{ from: 'user', value: 'q' }] }), supervisedFormats);
  assert.deepEqual(shareGpt, { kind: 'chat', messages: [user] });
  assert.deepEqual(readExample(row({ messages: [user], addGenerationPrompt: true }), tokenizeFormats), {
    kind: 'chat',
    messages: [user],
    addGenerationPrompt: true,
  });
  assert.deepEqual(readExample(row({ prompt: 'p' }), generateFormats), { kind: 'prompt', prompt: 'p' });
  assert.deepEqual(readExample(row({ messages: [user] }), generateFormats), {
    kind: 'chat',
    messages: [user],
    addGenerationPrompt: true,
  });
});

test('a field of the wrong kind is named', () => {
  const bad: [RowFields, RegExp][] = [
    [{ other: 1 }, /line 1: expected columns .* or \{prompt, completion\} or .* but found other/],
    [{ prompt: 'p' }, /expected columns .* but found prompt/],
    [{ text: 5 }, /line 1: text: expected a string but found 5/],
    [{ prompt: [user], completion: 'c' }, /completion: expected a list of messages but found "c"/],
    [{ messages: [] }, /messages: expected a list of messages/],
    [{ messages: [user, 'x'] }, /messages\[1\]: expected a message/],
    [{ messages: [{ content: 'x' }] }, /messages\[0\]\.role: expected a string but found nothing/],
    [{ messages: [{ role: 'user', content: 5 }] }, /messages\[0\]\.content: expected text but found 5/],
    [{ messages: [user], tools: '[' }, /tools: expected a list or JSON text/],
    [{ messages: [user], tools: { a: 1 } }, /tools: expected a list but found/],
  ];
  for (const [fields, message] of bad) assert.throws(() => readExample(row(fields), supervisedFormats), message);
  assert.throws(
    () => readExample(row({ messages: [user], addGenerationPrompt: 'yes' }), tokenizeFormats),
    /addGenerationPrompt/,
  );
});

test('hostile text: NUL bytes, bad UTF-8, endless lines, trailing spaces', async () => {
  assert.deepEqual((await rows('a.jsonl', '{"text":"a\\u0000b"}\r\n  \n'))[0]?.fields, { text: 'a\0b' });
  await assert.rejects(rows('a.jsonl', '{"text":"x"}\n{"text":"a\0b"}\n'), /a\.jsonl, line 2: expected JSON/);
  await assert.rejects(rows('a.csv', Uint8Array.of(97, 10, 98, 10, 255, 10)), /a\.csv, line 3: expected UTF-8/);
  await assert.rejects(rows('a.csv', Uint8Array.of(97, 10, 98, 10, 0xc3)), /a\.csv, line 3: expected UTF-8/);
  await assert.rejects(rows('a.csv', 'a,a\n1,2\n'), /a\.csv, line 1: column "a" stands twice/);
  assert.deepEqual((await rows('a.tsv', 'prompt\tcompletion\n1\t2,3\n'))[0]?.fields, {
    prompt: '1',
    completion: '2,3',
  });
  // 100 MB without a line end: refused once it is too long, whatever may come.
  let given = 0;
  const endless: RowSource = {
    name: 'long.jsonl',
    async *open() {
      const piece = new Uint8Array(1 << 20).fill(120);
      for (; given < 100; given++) yield piece;
    },
  };
  await assert.rejects(collect(readRows(endless)), /long\.jsonl, line 1: longer than 67108864 bytes/);
  assert.ok(given <= 66, `${given} MB`);
});
