import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { parseComparison } from '../../../src/loop/compare/config.ts';
import { UsageError } from '../../../src/loop/usageError.ts';

const folder = mkdtempSync(join(tmpdir(), 'tuneloop-comparison-'));
after(() => rmSync(folder, { recursive: true }));
const data = join(folder, 'data.jsonl');
writeFileSync(data, '{"text": "a"}\n');
const model = fileURLToPath(new URL('../../fixtures/models/default', import.meta.url));
const common = { model: { path: model }, data: { path: data } };

for (const [given, message] of [
  [{}, /methods is missing: the methods to compare/],
  [{ methods: [] }, /methods: expected at least one method/],
  [{ methods: 3 }, /methods: expected names or an object but found 3/],
  [{ methods: [3] }, /methods: expected names but found 3/],
  [{ methods: { a: 3 } }, /methods\.a: expected an object but found 3/],
  [{ methods: ['lora', 'lora'] }, /methods: lora stands twice/],
  [{ methods: { 'rank 4': {}, 'Rank-4': {} } }, /rank 4 and Rank-4 would have one folder, rank-4/],
  [{ methods: { a: { adapter: { r: 0 } } } }, /methods\.a: adapter\.r: expected at least 1 but found 0/],
  [{ methods: ['lora'], seeds: 0 }, /seeds: expected a whole number of at least 1 but found 0/],
  [{ methods: ['lora'], seeds: 2, train: { seed: 2 ** 32 - 1 } }, /seeds: expected seeds below 2\^32/],
  [
    { methods: ['lora'], train: { maxStep: 3 } },
    /train\.maxStep: there is no such field\. Did you mean train\.maxSteps/,
  ],
] as const) {
  test(`a comparison of ${JSON.stringify(given)} is refused`, async () => {
    await assert.rejects(
      parseComparison({ ...common, ...given }),
      (error) => error instanceof UsageError && message.test(error.message),
    );
  });
}

test('what is filled in is said, paths become absolute, methods keep what they change', async () => {
  const near = relative(process.cwd(), data);
  const comparison = await parseComparison({ ...common, data: { path: near }, methods: ['lora', 'full'], seeds: 2 });
  const { base, methods, notices, seeds } = comparison;
  assert.deepEqual([base.data.path, comparison.common['data']], [data, { path: data, evalShare: 0.1 }]);
  assert.deepEqual(seeds, [42, 43]);
  assert.match(
    notices.join('\n'),
    /10% of the examples are left out[^]*All methods train at the learning rate 0\.0002/,
  );
  assert.deepEqual(methods[1]?.changes, { adapter: { type: 'none' } });
  const own = await parseComparison({
    ...common,
    data: { path: data, evalShare: 0.5 },
    methods: { a: {}, b: { adapter: { type: 'none' }, optimizer: { learningRate: 1e-5 } } },
  });
  assert.deepEqual([own.notices, own.seeds.length], [[], 3]);
});
