import assert from 'node:assert/strict';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fixture, sharedModel } from '../parity.ts';
import { runCli } from './run.ts';

const folder = mkdtempSync(join(tmpdir(), 'tuneloop-inspect-'));
after(() => rmSync(folder, { recursive: true }));
const at = (name: string): string => join(folder, name);
const model = fixture('models/default');

const json = async (...argv: string[]): Promise<Record<string, unknown>> => {
  const { code, out, err } = await runCli(['inspect', ...argv, '--json']);
  assert.equal(code, 0, err);
  return JSON.parse(out) as Record<string, unknown>;
};

test('inspect says what a checkpoint holds', async () => {
  const found = await json(fixture('models/bf16'));
  const { kind, architecture, use, parameters, bytes, storage, linears } = found;
  assert.deepEqual({ kind, architecture, use }, { kind: 'checkpoint', architecture: 'llama', use: 'language model' });
  assert.equal(bytes, 2 * Number(parameters));
  assert.deepEqual(storage, [{ storage: 'bf16', tensors: 21, elements: parameters, bytes }]);
  assert.deepEqual(linears, {
    count: 14,
    names: ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj'],
  });
  const { out } = await runCli(['inspect', model]);
  assert.match(out, /a checkpoint, safetensors\narchitecture: llama, a language model\nsizes: hidden_size 32/);
});

test('inspect reads a checkpoint of an architecture that is not known as far as it goes', async () => {
  cpSync(model, at('strange'), { recursive: true });
  const config = JSON.parse(readFileSync(at('strange/config.json'), 'utf8')) as Record<string, unknown>;
  writeFileSync(at('strange/config.json'), JSON.stringify({ ...config, model_type: 'strange' }));
  const { unknown, use, parameters } = await json(at('strange'));
  assert.match(String(unknown), /Expected a model_type of .* but found "strange"/);
  assert.equal(use, undefined);
  assert.ok(Number(parameters) > 0);
});

test('inspect says what an adapter holds', async () => {
  const { kind, figures, parameters } = await json(fixture('lora/all-linear'));
  const { ranks, modules } = figures as Record<string, unknown>;
  assert.deepEqual({ kind, ranks, modules }, { kind: 'adapter', ranks: [4], modules: 14 });
  assert.ok(Number(parameters) > 0);
});

test('inspect says what a run is and draws its step', async () => {
  writeFileSync(at('texts.jsonl'), Array.from({ length: 4 }, (_, i) => `{"text":"a b ${i}"}\n`).join(''));
  const run = at('run');
  const tuned = await runCli(
    ['tune', '--model', fixture('models/chat'), '--data', at('texts.jsonl'), '--out', run, '--max-steps', '2'].concat([
      '--lora-r',
      '3',
      '--target-modules',
      'q_proj',
      '--batch-size',
      '2',
      '--save-steps',
      '1',
      '--engine',
      'reference',
    ]),
  );
  assert.equal(tuned.code, 0, tuned.err);
  const { kind, steps, checkpoints, done, firstLoss } = await json(run);
  assert.deepEqual({ kind, steps, checkpoints }, { kind: 'run', steps: 2, checkpoints: [1, 2] });
  assert.equal((done as { stopReason: string }).stopReason, 'max-steps');
  assert.ok(Number(firstLoss) > 0);
  const { out } = await runCli(['inspect', run]);
  assert.match(
    out,
    /: a run, max-steps at step 2 after .*\nmodel: .*\ndata: .*\ntrains: lora, r 3, alpha 32, dropout 0; \d+ of /,
  );
  const { out: program } = await runCli(['inspect', run, '--program', 'train', '--length', '8']);
  assert.match(program, /parameter "model\.layers\.0\.self_attn\.q_proj\.lora_A\.weight"/);
  assert.match(program, /f32\[3, \d+\] = matmul/, 'gradients of rank 3');
  assert.doesNotMatch(program, /k_proj\.lora_A/);
});

test('a program is printed under the modules that it computes, and drawn as one file', async () => {
  const { out, code } = await runCli(['inspect', model, '--program', 'train', '--length', '8']);
  assert.equal(code, 0);
  assert.match(out, /# model\.layers\.1\.mlp\.down_proj\n%\d+ f32\[1, 8, 32\], %\d+ f32\[1, 8, 16\] = linear\(/);
  assert.match(out, /return "loss" = %\d+\n/);
  for (const program of ['score', 'decode']) {
    const printed = await runCli(['inspect', model, '--program', program]);
    assert.equal(printed.code, 0, printed.err);
    assert.doesNotMatch(printed.out, /lora_A/, 'a checkpoint has no adapter to score or decode with');
  }
  const drawn = await runCli(['inspect', '--path', model, '--program', 'train', '--picture', at('train.svg')]);
  assert.equal(drawn.code, 0, drawn.err);
  assert.equal(drawn.out, '');
  const svg = readFileSync(at('train.svg'), 'utf8');
  assert.match(svg, /^<svg /);
  assert.match(svg, /model\.layers\.0, gradients/);
});

test('what inspect cannot do ends with one sentence', async () => {
  mkdirSync(at('empty'));
  const wrong: readonly (readonly [string[], number, RegExp])[] = [
    [[], 2, /--path is missing/],
    [[model, 'more'], 2, /Expected an option such as --path but found more/],
    [[at('empty')], 1, /expected a checkpoint folder with config\.json but found none/],
    [[at('none')], 1, /expected a checkpoint folder, a \.gguf file or a Hugging Face id/],
    [[model, '--picture', at('x.svg')], 2, /--picture draws a program: add --program train, score, decode/],
    [[model, '--program', 'train', '--picture', at('x.png')], 2, /expected a file that ends in \.svg/],
    [[model, '--program', 'training'], 2, /--program: expected train, score, decode but found training.*train/],
  ];
  for (const [argv, code, message] of wrong) {
    const outcome = await runCli(['inspect', ...argv]);
    assert.match(outcome.err, message);
    assert.match(outcome.err, /^tuneloop: [^\n]+\n$/);
    assert.equal(outcome.code, code, argv.join(' '));
  }
});

const shared = sharedModel();
test(
  'thirty equal layers of a real model are drawn once',
  { skip: shared === undefined && 'no shared model' },
  async () => {
    const { parameters, tied, tokenizer } = await json(shared ?? '');
    assert.deepEqual({ parameters, tied }, { parameters: 134515008, tied: true });
    assert.deepEqual((tokenizer as { eosTokens: string[] }).eosTokens, ['<|im_end|>']);
    await runCli(['inspect', shared ?? '', '--program', 'train', '--picture', at('real.svg')]);
    const svg = readFileSync(at('real.svg'), 'utf8');
    assert.match(svg, /model\.layers\.2 to model\.layers\.29: as model\.layers\.1/);
    assert.doesNotMatch(svg, /model\.layers\.5, gradients/);
  },
);
