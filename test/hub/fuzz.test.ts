import assert from 'node:assert/strict';
import { test } from 'node:test';
import { faultOf } from '../../tools/fuzz/judge.ts';
import { caseAt, fuzz } from '../../tools/fuzz/run.ts';
import { targets } from '../../tools/fuzz/targets/index.ts';

const seed = 1;

for (const target of targets) {
  test(`${target.name}: no broken file does worse than an error that names it`, async () => {
    const { cases, refused, findings } = await fuzz(target, seed, 0, 40 + 2 * target.weight);
    assert.deepEqual(findings, []);
    assert.ok(refused > cases / 10 && refused < cases, `${refused} of ${cases} refused`);
  });
}

test('a case is a function of seed and number', () => {
  for (const target of targets) assert.deepEqual(caseAt(target, seed, 7).input, caseAt(target, seed, 7).input);
});

test('an error that names no file, a value that nobody looked at and a class of its own are found', () => {
  assert.equal(faultOf(new SyntaxError('a.json: expected JSON'), 'a.json'), undefined);
  assert.match(faultOf(new SyntaxError('expected JSON'), 'a.json') ?? '', /does not name a\.json/);
  assert.match(faultOf(new TypeError('a.json: x.map is not a function'), 'a.json') ?? '', /unguarded/);
  assert.match(faultOf('text', 'a.json') ?? '', /not an Error/);
});

test('a reader that takes long or holds much is found', async () => {
  const held: Uint8Array[] = [];
  const greedy = { name: 'greedy', weight: 1, says: '', caseOf: () => ({ input: '', read: () => void held.push(new Uint8Array(200 << 20).fill(1)) }) }; // prettier-ignore
  const slow = (): void => {
    for (const { user } = process.cpuUsage(); process.cpuUsage().user - user < 2_200_000;);
  };
  const lazy = { name: 'lazy', weight: 1, says: '', caseOf: () => ({ input: '', read: slow }) };
  assert.match((await fuzz(greedy, seed, 0, 1)).findings[0]?.fault ?? '', /held 200 MiB/);
  assert.match((await fuzz(lazy, seed, 0, 1)).findings[0]?.fault ?? '', /took \d+ ms/);
});
