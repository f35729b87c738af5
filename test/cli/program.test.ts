import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { runCli } from './run.ts';

const model = fileURLToPath(new URL('../fixtures/models/chat', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'tuneloop-cli-'));
after(() => rmSync(folder, { recursive: true }));
const at = (name: string): string => join(folder, name);
const input = (name: string, rows: readonly unknown[]): string => {
  writeFileSync(at(name), rows.map((row) => `${typeof row === 'string' ? row : JSON.stringify(row)}\n`).join(''));
  return at(name);
};
const lines = (text: string): Record<string, unknown>[] =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
const texts = input('texts.jsonl', [{ text: 'The cat sat' }, { text: 'the mat' }]);
const broken = input('broken.jsonl', [
  ...Array.from({ length: 6 }, () => ({ text: 'the cat' })),
  '{"text":',
  { text: 'the mat' },
]);
const empty = input('empty.jsonl', []);
const bare = ['--model', model, '--data', texts];

const wrong: readonly (readonly [string[], number, RegExp])[] = [
  [[], 2, /Expected a command: .*tune, compare, score/],
  [['tun'], 2, /There is no command tun\. Did you mean tuneloop tune\?/],
  [['help', 'tun'], 2, /There is no command tun/],
  [['tune', '--lora-rank', '3'], 2, /There is no option --lora-rank\. Did you mean --lora-r\?/],
  [['tune', '--adapter.rank', '3'], 2, /Did you mean --adapter\.r\?/],
  [['tune', '--data', texts, '--out', at('r')], 2, /--model is missing/],
  [['tune', ...bare], 2, /--out is missing/],
  [['tune', ...bare, '--out', at('r'), '--batch-size', '0'], 2, /--batch-size: expected at least 1 but found 0/],
  [
    ['tune', ...bare, '--out', at('r'), '--engine', 'cuda'],
    2,
    /--engine: expected auto, native, ort or reference but found cuda/,
  ],
  [
    ['tune', ...bare, '--out', at('r'), '--precision', 'fp16'],
    2,
    /--precision: expected auto, fp32 or bf16 but found fp16/,
  ],
  [
    ['tune', ...bare, '--out', at('r'), '--lora-r', '3', '--adapter.r', '4'],
    2,
    /--lora-r and --adapter\.r set the same field/,
  ],
  [
    ['tune', ...bare, '--out', at('r'), '--init-adapter', 'a', '--lora-r', '4'],
    2,
    /--lora-r: the adapter that --init-adapter names decides/,
  ],
  [['tune', ...bare, '--out', at('r'), '--eval-steps', '4'], 2, /--eval-steps: expected evaluation data/],
  [['tune', ...bare, '--out', folder], 2, /expected a new folder, an empty one or a run but found/],
  [['tune', ...bare, '--out', join(texts, 'r')], 1, /Cannot create .*a part of the path is not a folder/],
  [['tune', ...bare, '--resume', at('r')], 2, /--model: a run goes on with its own options/],
  [['tune', '--resume', at('r')], 1, /expected a run folder with config\.json but found none/],
  [['tune', '--config', at('c.json'), '--out', at('r')], 1, /Cannot read .*c\.json: it does not exist/],
  [['tune', '--model', model, '--data', broken, '--out', at('r')], 1, /broken\.jsonl, line 7: expected JSON but found/],
  [
    ['tune', '--model', model, '--data', empty, '--out', at('r')],
    1,
    /empty\.jsonl: expected at least one row but the file has none/,
  ],
  [
    ['tune', '--model', at('none'), '--data', texts, '--out', at('r')],
    1,
    /none: expected a checkpoint folder, a \.gguf file or a Hugging Face id \(org\/name\) but found nothing/,
  ],
  [
    ['score', '--model', model, '--data', at('none.jsonl')],
    1,
    /none\.jsonl: expected a data file, a folder, a pattern or a Hugging Face id \(org\/name\) but found nothing/,
  ],
  [['score', '--model', model, '--data', broken, '--out', at('o')], 1, /broken\.jsonl, line 7/],
  [
    ['score', '--model', model, '--data', texts, '--loss', 'completion', '--out', at('o')],
    1,
    /texts\.jsonl, line 1: .*completion/,
  ],
  [['score', '--model', model], 2, /--data is missing/],
  [['generate', ...bare], 2, /--max-new-tokens is missing/],
  [['generate', ...bare, '--max-new-tokens', '3', '--out', at('o')], 1, /line 1: expected columns .* but found text/],
  [['generate', ...bare, '--max-new-tokens', '3', '--top-p', '0'], 2, /--top-p: expected more than 0/],
  [['generate', ...bare, '--max-new-tokens', '3', '--num-beams', '2'], 2, /There is no option --num-beams/],
  [['tokenize', '--model', model, '--data', texts, '--out', join(texts, 'o')], 1, /a part of the path is not a folder/],
  [
    ['tokenize', '--model', model, '--data', texts, '--columns', 'text=words'],
    1,
    /line 1: expected column "words" for text/,
  ],
  [['score', ...bare, '--out', texts], 2, /--out: expected another file than .*texts\.jsonl, which --data reads/],
  [['merge', '--model', model, '--out', at('o')], 2, /--adapter is missing/],
];
for (const [argv, code, message] of wrong) {
  test(`tuneloop ${argv.map((word) => word.replace(folder, '…').replace(model, 'M')).join(' ')} ends with ${code} and one sentence`, async () => {
    const outcome = await runCli(argv);
    assert.match(outcome.err, message);
    assert.match(outcome.err, /^tuneloop: [^\n]+\n$/);
    assert.equal(outcome.out, '');
    assert.equal(outcome.code, code);
    assert.deepEqual(
      readdirSync(folder).sort(),
      ['broken.jsonl', 'empty.jsonl', 'texts.jsonl'],
      'nothing is half-written',
    );
  });
}

test('--debug shows where an error comes from', async () => {
  const { err } = await runCli(['score', '--model', at('none'), '--data', texts, '--debug']);
  assert.match(err, /^tuneloop: Error: .*\n\s+at /);
});

test('help and version come from the schema and the package', async () => {
  const version = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  assert.deepEqual(await runCli(['--version']), { code: 0, out: `${version.version}\n`, err: '' });
  const program = await runCli(['--help']);
  for (const name of ['tune', 'score', 'generate', 'tokenize', 'merge', 'doctor']) {
    assert.match(program.out, new RegExp(`^ {2}${name} +[A-Z]`, 'm'));
    const help = await runCli([name, '--help']);
    assert.equal(help.code, 0);
    assert.ok(help.out.startsWith(`tuneloop ${name}`));
    assert.deepEqual(await runCli(['help', name]), help);
  }
  const tune = (await runCli(['tune', '-h'])).out;
  assert.match(tune, /--lora-r N +Rank of the two factors \(default 16; same as --adapter\.r\)/);
  assert.match(tune, /--adapter\.useRslora/);
  assert.match(tune, /--\[no-\]data\.shuffle/);
});

test('tokenize writes ids, and the rendered text of chats', async () => {
  const data = input('chats.jsonl', [
    { text: 'The cat sat' },
    { messages: [{ role: 'user', content: 'Where?' }], addGenerationPrompt: true },
  ]);
  const { code, out, err } = await runCli(['tokenize', '--model', model, '--data', data]);
  rmSync(data);
  assert.deepEqual([code, err], [0, '']);
  const [text, chat] = lines(out);
  assert.deepEqual(text, { index: 0, ids: [54, 259, 279, 281] });
  assert.equal(chat?.['index'], 1);
  assert.equal(chat?.['rendered'], '<|im_start|>user\nWhere?<|im_end|>\n<|im_start|>assistant\n');
});

test('score and generate write one line per input line, to a file whole', async () => {
  const data = input('questions.jsonl', [
    { question: '2 + 2 =', answer: ' 4' },
    { question: 'The cat', answer: ' sat' },
    { question: 'the', answer: ' mat' },
  ]);
  const out = at('out.jsonl');
  const shared = ['--model', model, '--data', data, '--out', out, '--batch-size', '2'];
  const scored = await runCli(['score', ...shared, '--columns', 'prompt=question,completion=answer', '--json']);
  assert.deepEqual([scored.code, scored.out], [0, `${JSON.stringify({ out, rows: 3 })}\n`], scored.err);
  const scores = lines(readFileSync(out, 'utf8')) as {
    index: number;
    ids: number[];
    mask: number[];
    logprobs: (number | null)[];
  }[];
  assert.deepEqual(
    scores.map(({ index }) => index),
    [0, 1, 2],
  );
  for (const { ids, mask, logprobs } of scores) {
    assert.ok(mask.length === ids.length && logprobs.length === ids.length);
    assert.equal(logprobs[0], null);
    assert.ok(logprobs.slice(1).every((logprob) => logprob !== null && logprob < 0));
    assert.equal(mask[0], 0);
    assert.equal(mask.at(-1), 1);
  }
  const generated = await runCli([
    'generate',
    ...shared,
    '--columns',
    'prompt=question',
    '--max-new-tokens',
    '3',
    '--quiet',
  ]);
  assert.deepEqual([generated.code, generated.out, generated.err], [0, '', '']);
  const generations = lines(readFileSync(out, 'utf8'));
  assert.deepEqual(
    generations.map(({ index }) => index),
    [0, 1, 2],
  );
  for (const { ids, finishReason } of generations) assert.ok((ids as number[]).length === 3 || finishReason === 'stop');
  rmSync(data);
  rmSync(out);
});

test('an interrupted score writes nothing and ends with 130', async () => {
  const { code, err } = await runCli(['score', ...bare, '--out', at('o')], AbortSignal.abort());
  assert.match(err, /tuneloop: Interrupted\n$/);
  assert.equal(code, 130);
  assert.equal(existsSync(at('o')), false);
});

test('doctor finds engines that work', async () => {
  const { code, out } = await runCli(['doctor', '--json']);
  const report = JSON.parse(out) as {
    cores: number;
    memoryBytes: number;
    engines: { name: string; error?: number; problem?: string }[];
  };
  assert.ok(report.cores >= 1 && report.memoryBytes > 1e8);
  assert.deepEqual(
    report.engines.map(({ name }) => name),
    ['ort', 'native', 'reference'],
  );
  // Without a compiler a clone has no native engine, and says so.
  for (const { name, error, problem } of report.engines.filter(({ name }) => name !== 'native'))
    assert.ok(problem === undefined && Number(error) < 1e-5, `${name}: ${problem}`);
  assert.equal(code, 0);
  assert.match((await runCli(['doctor'])).out, /engine reference: works, f64/);
});
