import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { configFileNames, findConfigFile, readConfigFile } from '../../src/loop/configFile.ts';
import { defineConfig } from '../../src/loop/defineConfig.ts';
import { parseConfig } from '../../src/loop/parseConfig.ts';
import { UsageError } from '../../src/loop/usageError.ts';

const folder = mkdtempSync(join(tmpdir(), 'tuneloop-config-'));
after(() => rmSync(folder, { recursive: true }));
let count = 0;
/** Writes a config file of its own and reads it. */
function read(ending: string, text: string): Promise<Record<string, unknown>> {
  const file = join(folder, `c${count++}.${ending}`);
  writeFileSync(file, text);
  return readConfigFile(file);
}

const expected = {
  model: { path: 'm' },
  data: { path: ['a.jsonl', 'b.jsonl'] },
  optimizer: { learningRate: 2e-4 },
  train: { batchSize: 3 },
};
const source = `{ model: { path: 'm' }, data: { path: ['a.jsonl', 'b.jsonl'] }, optimizer: { learningRate: 2e-4 }, train: { batchSize: 1 + 2, maxSteps: undefined } }`;

test('every format gives the same config', async () => {
  const typed = `import { defineConfig, type TuneConfigInput } from 'tuneloop';
const config: TuneConfigInput = ${source};
export default defineConfig(config);`;
  for (const [ending, text] of [
    ['ts', typed],
    ['mts', typed],
    ['mjs', `import { defineConfig } from 'tuneloop';\nexport default defineConfig(${source});`],
    ['js', `export default Promise.resolve(${source});`],
    [
      'yaml',
      'model: {path: m}\ndata:\n  path: [a.jsonl, b.jsonl]\noptimizer:\n  learningRate: 2e-4\ntrain: {batchSize: 3}\n',
    ],
    ['yml', 'base: &x {path: m}\nmodel:\n  <<: *x\n'],
    ['json', JSON.stringify(expected)],
  ] as const) {
    const config = await read(ending, text);
    assert.deepEqual(ending === 'yml' ? config['model'] : config, ending === 'yml' ? { path: 'm' } : expected, ending);
  }
  assert.equal(parseConfig(defineConfig(expected)).train.batchSize, 3);
});

test("of a run's config.json the config is read; a run of another kind is not passed over", async () => {
  const run = { versions: {}, fingerprints: { model: 'x' } };
  assert.deepEqual(await read('json', JSON.stringify({ ...expected, run })), expected);
  assert.deepEqual(Object.keys(await read('yaml', 'run: fast\n')), ['run']);
});

test('what is no config is refused by file and reason', async () => {
  for (const [ending, text, reason] of [
    ['yaml', 'a: b: c\n', /c\d+\.yaml: expected YAML but found: .* at line 1, column 4$/],
    ['yaml', 'a: 1\na: 2\n', /expected YAML but found: Map keys must be unique/],
    ['yaml', '- a\n', /expected an object but found \["a"\]/],
    ['yaml', '', /expected an object but found null/],
    [
      'yaml',
      `a: &a [x, x]\nb: &b [*a, *a, *a, *a, *a, *a, *a, *a]\nc: &c [*b, *b, *b, *b, *b, *b, *b, *b]\nd: [*c, *c, *c, *c]\n`,
      /Excessive alias count/,
    ],
    ['json', '{"a": 1,}', /expected JSON but found/],
    ['json', '{"train": {"epochs": 1, "epochs": 2}}', /the key epochs stands twice/],
    ['mjs', 'export const config = {};', /expected the config as the default export but found config$/],
    ['mjs', 'export default {', /the module cannot be loaded/],
    [
      'mjs',
      'export default { data: { formatter: (row) => row } };',
      /c\d+\.mjs: data\.formatter: expected data but found a value of kind function/,
    ],
    [
      'mjs',
      'export default { train: { seed: new Date() } };',
      /train\.seed: expected data but found a value of kind Date/,
    ],
    ['mjs', 'const a = {}; a.a = a; export default a;', /expected at most 16 levels/],
    ['ts', 'enum A { b }; export default {};', /the module cannot be loaded/],
    ['toml', 'a = 1', /expected a config file that ends in \.ts, .* but found \.toml$/],
  ] as const) {
    await assert.rejects(read(ending, text), reason, text);
  }
  await assert.rejects(readConfigFile(join(folder, 'none.ts')), /Cannot read .*none\.ts: it does not exist/);
  await assert.rejects(readConfigFile(join(folder, 'none.yaml')), /Cannot read .*none\.yaml: it does not exist/);
  await assert.rejects(readConfigFile('none'), UsageError);
});

test('a folder has one config file, under any of its names', async () => {
  for (const name of configFileNames) {
    const own = join(folder, name);
    mkdirSync(own);
    assert.equal(await findConfigFile(own), undefined);
    writeFileSync(join(own, name), '');
    assert.equal(await findConfigFile(own), join(own, name));
  }
  const own = join(folder, 'tuneloop.config.ts');
  writeFileSync(join(own, 'tuneloop.config.json'), '');
  await assert.rejects(
    findConfigFile(own),
    (error) => error instanceof UsageError && /tuneloop\.config\.ts and tuneloop\.config\.json/.test(error.message),
  );
});
