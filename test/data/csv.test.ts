import assert from 'node:assert/strict';
import { test } from 'node:test';
import { csvRecords } from '../../src/data/csv.ts';

type Options = Parameters<typeof csvRecords>[2];

async function records(text: string, chunk = 1000, options: Options = {}): Promise<string[][]> {
  const pieces = Array.from({ length: Math.ceil(text.length / chunk) }, (_, i) =>
    text.slice(i * chunk, (i + 1) * chunk),
  );
  const found: string[][] = [];
  for await (const { line, cells } of csvRecords(pieces, 'a.csv', options)) found.push([String(line), ...cells]);
  return found;
}

test('records, however the text comes', async () => {
  const cases: [string, string[][]][] = [
    [
      'a,b\r\n1,2\r\n',
      [
        ['1', 'a', 'b'],
        ['2', '1', '2'],
      ],
    ],
    [
      'a\n\n""\n"x ""y"", z"\n',
      [
        ['1', 'a'],
        ['3', ''],
        ['4', 'x "y", z'],
      ],
    ],
    [
      'a,b\n"1\n\n2",\n,3',
      [
        ['1', 'a', 'b'],
        ['2', '1\n\n2', ''],
        ['5', '', '3'],
      ],
    ],
    ['x\ry,z\r\n', [['1', 'x\ry', 'z']]],
    ['it""s, "q"\n', [['1', 'it""s', ' "q"']]],
    ['\r\n\r\na\r\n', [['3', 'a']]],
    [
      '"a"\r\n"b"',
      [
        ['1', 'a'],
        ['2', 'b'],
      ],
    ],
    [',\n', [['1', '', '']]],
  ];
  for (const [text, expected] of cases)
    for (const chunk of [1, 2, 3, 1000]) assert.deepEqual(await records(text, chunk), expected, JSON.stringify(text));
  assert.deepEqual(await records('a\tb,c\n"1\t2"\t3', 2, { separator: '\t' }), [
    ['1', 'a', 'b,c'],
    ['2', '1\t2', '3'],
  ]);
});

test('errors name the line', async () => {
  await assert.rejects(records('a\n"b"c\n'), /a\.csv, line 2: expected a comma after a quoted cell but found "c"/);
  await assert.rejects(records('a\n1\n"b\n\n'), /a\.csv, line 3: a quoted cell does not end/);
  await assert.rejects(
    records(`a\n"${'x\n'.repeat(100)}`, 7, { maxChars: 50 }),
    /a\.csv, line 2: longer than 50 characters/,
  );
});
