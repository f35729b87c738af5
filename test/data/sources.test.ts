import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { dataFiles, rowsOfFiles } from '../../src/data/sources.ts';
import { globPattern } from '../../src/hub/glob.ts';
import { hubSettings } from '../../src/hub/node/hubSettings.ts';
import { fakeHub } from '../hub/node/fakeHub.ts';

const root = await mkdtemp(join(tmpdir(), 'tuneloop-sources-'));
after(() => rm(root, { recursive: true }));
await mkdir(join(root, 'set/deep/.hidden'), { recursive: true });
for (const name of [
  'set/b.jsonl',
  'set/a.jsonl',
  'set/deep/c.csv',
  'set/deep/.hidden/x.jsonl',
  'set/notes.txt',
  'one.data',
])
  await writeFile(join(root, name), name.endsWith('.csv') ? 'text\nx\n' : '{"text":"x"}\n\n{"text":"y"}\n');
const choice = { split: 'train' };
const named = async (text: string): Promise<string[]> =>
  (await dataFiles(join(root, text), choice)).files.map((file) => file.slice(root.length + 1));

test('a file, a folder, a pattern', async () => {
  assert.deepEqual(await named('one.data'), ['one.data']);
  assert.deepEqual(await named('set'), ['set/a.jsonl', 'set/b.jsonl', 'set/deep/c.csv']);
  assert.deepEqual(await named('set/*.jsonl'), ['set/a.jsonl', 'set/b.jsonl']);
  assert.deepEqual(await named('set/**/*.csv'), ['set/deep/c.csv']);
  assert.deepEqual(await named('{set,none}/[!b].jsonl'), ['set/a.jsonl']);
  await assert.rejects(
    named('set/*.parquet'),
    /set\/\*\.parquet: expected files that the pattern names but found none/,
  );
  await assert.rejects(
    dataFiles('none/train.jsonl', choice),
    /none\/train\.jsonl: expected a data file, a folder, a pattern or a Hugging Face id/,
  );
});

test('patterns', () => {
  const matches = (pattern: string, text: string): boolean => globPattern(pattern).test(text);
  for (const [pattern, text] of [
    ['a*c', 'abc'],
    ['**/x', 'x'],
    ['**/x', 'a/b/x'],
    ['a?c', 'abc'],
    ['[ab].x', 'b.x'],
    ['{a,b.c}', 'b.c'],
    ['a**', 'a/b'],
    ['(x)+.y', '(x)+.y'],
  ] as const)
    assert.ok(matches(pattern, text), `${pattern} ${text}`);
  for (const [pattern, text] of [
    ['a*c', 'a/c'],
    ['a?c', 'a/c'],
    ['[!ab]', 'a'],
    ['a.c', 'abc'],
    ['*.x', 'a.xy'],
  ] as const)
    assert.ok(!matches(pattern, text), `${pattern} ${text}`);
});

test('rows of several files are numbered through, and say their file', async () => {
  const { files } = await dataFiles(join(root, 'set'), choice);
  const rows: string[] = [];
  for await (const { index, place } of rowsOfFiles(files)) rows.push(`${index} ${place.slice(root.length + 1)}`);
  assert.deepEqual(rows, [
    '0 set/a.jsonl, line 1',
    '2 set/a.jsonl, line 3',
    '3 set/b.jsonl, line 1',
    '5 set/b.jsonl, line 3',
    '6 set/deep/c.csv, line 2',
  ]);
});

test('a data set of the hub comes by split, only the files that hold it', async () => {
  const line = new TextEncoder().encode('{"text":"x"}\n');
  const hub = await fakeHub({ 'train.jsonl': line, 'test.jsonl': line, 'huge.bin': line }, 'org/set', 'dataset');
  try {
    const settings = { ...(await hubSettings({ HF_HOME: join(root, 'home'), HF_ENDPOINT: hub.endpoint })), tries: 1 };
    const found = await dataFiles('org/set', { split: 'test' }, { settings });
    assert.equal(found.pinned, `org/set@${hub.commit}`);
    assert.deepEqual(found.files, [join(settings.cache, 'datasets--org--set', 'snapshots', hub.commit, 'test.jsonl')]);
    assert.ok(!hub.seen.some(({ path }) => path.includes('train.jsonl')));
    const single = await dataFiles('org/set/train.jsonl', choice, { settings });
    assert.equal(single.pinned, `org/set/train.jsonl@${hub.commit}`);
    await assert.rejects(
      dataFiles('org/set', { split: 'dev' }, { settings }),
      /org\/set: expected a split dev but found test, train/,
    );
  } finally {
    await hub.close();
  }
});
