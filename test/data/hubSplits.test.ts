import assert from 'node:assert/strict';
import { test } from 'node:test';
import { splitFiles } from '../../src/data/hubSplits.ts';

const of = (files: string[], split = 'train', config?: string, card = ''): Promise<string[]> =>
  splitFiles(files, async () => card, { split, config });

test('splits are told by names, as datasets writes and as people do', async () => {
  const written = [
    'README.md',
    'data/train-00000-of-00002.parquet',
    'data/train-00001-of-00002.parquet',
    'data/test_sft-00000-of-00001.parquet',
    '.gitattributes',
  ];
  assert.deepEqual(await of(written), written.slice(1, 3));
  assert.deepEqual(await of(written, 'test_sft'), [written[3]]);
  const named = ['my-dev.jsonl', 'training/a.jsonl', 'training/b.json.gz', 'dataset_infos.json', 'testimony.txt'];
  assert.deepEqual(await of(named), ['training/a.jsonl', 'training/b.json.gz']);
  assert.deepEqual(await of(named, 'validation'), ['my-dev.jsonl']);
  assert.deepEqual(await of(['x.csv', 'y.csv']), ['x.csv', 'y.csv'], 'without a split’s name all is train');
  await assert.rejects(of(named, 'test'), /expected a split test but found train, validation; data\.split names one/);
});

test('a card’s configs say which files', async () => {
  const files = ['README.md', 'main/a.jsonl', 'main/held.jsonl', 'other/train.parquet', 'other/test.parquet'];
  const card = `---
license: mit
configs:
- config_name: main
  default: true
  data_files:
  - split: train
    path: main/a.jsonl
  - split: test
    path: ["main/h*.jsonl"]
- config_name: other
  data_dir: other
---
# text`;
  assert.deepEqual(await of(files, 'train', undefined, card), ['main/a.jsonl']);
  assert.deepEqual(await of(files, 'test', undefined, card), ['main/held.jsonl']);
  assert.deepEqual(await of(files, 'test', 'other', card), ['other/test.parquet']);
  await assert.rejects(of(files, 'train', 'third', card), /expected a configuration third but found main, other/);
  const open = card.replace('  default: true\n', '');
  await assert.rejects(
    of(files, 'train', undefined, open),
    /several configurations, and data\.config names one: main, other/,
  );
  assert.deepEqual(
    await of(files, 'train', undefined, '---\nconfigs: [a, &x *x\n---\n'),
    ['other/train.parquet'],
    'a card that is no YAML says nothing',
  );
});

test('the branch that the hub converts to is config/split', async () => {
  const files = [
    'default/train/0000.parquet',
    'default/train/0001.parquet',
    'default/partial-test/0000.parquet',
    'extra/train/0000.parquet',
  ];
  assert.deepEqual(await of(files), files.slice(0, 2));
  assert.deepEqual(await of(files, 'test'), [files[2]]);
  assert.deepEqual(await of(files, 'train', 'extra'), [files[3]]);
  await assert.rejects(
    of(['README.md', 'squad.py']),
    /found none; data sets that a script makes have them in the branch refs\/convert\/parquet/,
  );
});
