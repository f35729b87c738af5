import assert from 'node:assert/strict';
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { loadTokenizer } from '../../src/hub/tokenizer.ts';
import { readCheckpointTokenizer } from '../../src/hub/checkpoint-tokenizer.ts';
import { exportFormats, type ExportFormat, exportModel } from '../../src/loop/exportModel.ts';
import { generate } from '../../src/loop/generate.ts';
import { classify } from '../../src/loop/classifier.ts';
import { examplesToClassify } from '../../src/loop/classifierReads.ts';
import { openClassifier, openModel, tokenizerOf } from '../../src/loop/model.ts';
import { rowsOf } from '../../src/loop/rowInputs.ts';
import { ortEngine } from '../../src/runtime/node/ort-engine.ts';
import { collect, fixture } from '../parity.ts';
import { runCli } from '../cli/run.ts';
import { openLlama, renderInLlama, withoutLlama } from './llama-cpp.ts';

const folder = mkdtempSync(join(tmpdir(), 'tuneloop-export-'));
const engine = ortEngine({ threads: 2 });
after(() => {
  engine.close();
  rmSync(folder, { recursive: true });
});
const nano = fileURLToPath(new URL('../../assets/nano', import.meta.url));

const greedy = { temperature: 0, topK: 0, topP: 1, seed: 0 };
const messages = [{ role: 'user', content: 'Say again: red two Emma blue seven Ana' }];

/** What nano writes on this engine, greedily. */
async function expectedAnswer(): Promise<{ ids: number[]; answer: number[]; text: string }> {
  const loaded = await openModel({ model: nano, engine });
  try {
    const { ids, text } = tokenizerOf(loaded).applyChatTemplate(messages, { addGenerationPrompt: true });
    for await (const { ids: answer } of generate(loaded, [{ index: 0, ids }], {
      ...greedy,
      maxNewTokens: 12,
      batchSize: 1,
    }))
      return { ids, answer: [...answer], text };
    return assert.fail('nothing was generated');
  } finally {
    await loaded.close();
  }
}

const expected = await expectedAnswer();
assert.ok(expected.answer.length > 4, 'an answer of some tokens');

async function exported(format: ExportFormat, dtype: string): Promise<string> {
  const out = join(folder, `nano-${format}-${dtype}`);
  const summary = await exportModel({ model: nano, format, dtype, out, engine, threads: 2 });
  assert.ok(summary.count > 100);
  assert.ok(summary.mean <= summary.tolerance);
  return out;
}

test(
  'llama.cpp reads, renders and generates from an exported GGUF as tuneloop does',
  { skip: withoutLlama },
  async () => {
    const tokenizer = loadTokenizer((await readCheckpointTokenizer(nano)) ?? assert.fail());
    const llama = await openLlama(await exported('gguf', 'f32'), 1024);
    try {
      const texts = ['Mara bought 3 apples.', "  don't stop\n\n", 'naïve – 12,5 %', expected.text];
      for (const text of texts) assert.deepEqual(llama.tokenize(text), tokenizer.encode(text), text);
      const rendered = renderInLlama(tokenizer.chatTemplate ?? '', { messages, add_generation_prompt: true });
      assert.equal(rendered, expected.text);
      const stops = new Set(tokenizer.eosTokenIds);
      const wanted = expected.answer.filter((id) => !stops.has(id));
      assert.deepEqual(await llama.greedy(expected.ids, 12), wanted);
    } finally {
      await llama.close();
    }
  },
);

test('transformers.js generates from an exported ONNX folder as tuneloop does, alone and padded on the left', async () => {
  const out = await exported('onnx', 'fp32');
  const { AutoModelForCausalLM, AutoTokenizer, env } = await import('@huggingface/transformers');
  env.allowRemoteModels = false;
  env.localModelPath = folder;
  const name = out.slice(folder.length + 1);
  const tokenizer = await AutoTokenizer.from_pretrained(name);
  tokenizer.padding_side = 'left';
  const model = await AutoModelForCausalLM.from_pretrained(name, { dtype: 'fp32', device: 'cpu' });
  const longer = [{ role: 'user', content: `${messages[0]?.content} green nine Jack` }];
  const render = (chat: typeof messages): string =>
    tokenizer.apply_chat_template(chat, { add_generation_prompt: true, tokenize: false });
  assert.equal(render(messages), expected.text);
  for (const texts of [[expected.text], [expected.text, render(longer)]]) {
    const inputs = tokenizer(texts, { padding: true, add_special_tokens: false }) as { input_ids: { dims: number[] } };
    const rows = (await model.generate({ ...inputs, max_new_tokens: 12, do_sample: false })) as {
      tolist(): bigint[][];
    };
    const start = inputs.input_ids.dims[1] ?? 0;
    const answer = (rows.tolist()[0] ?? []).slice(start).map(Number);
    assert.deepEqual(answer.slice(0, expected.answer.length), expected.answer);
  }
});

for (const [format, { dtypes }] of Object.entries(exportFormats)) {
  for (const dtype of dtypes) {
    if (dtype === 'f32' || dtype === 'fp32') continue;
    test(`${format} ${dtype}: the export scores as the model does, within its tolerance`, async () => {
      await exported(format as ExportFormat, dtype);
    });
  }
}

test('through the command line, with an adapter merged in', async () => {
  const data = join(folder, 'train.jsonl');
  writeFileSync(data, '{"prompt": "Say hi.", "completion": "Hi there!"}\n'.repeat(4));
  const run = join(folder, 'run');
  const tuned = await runCli([
    'tune',
    '--model',
    nano,
    '--data',
    data,
    '--out',
    run,
    '--max-steps',
    '3',
    '--learning-rate',
    '0.01',
  ]);
  assert.equal(tuned.code, 0, tuned.err);
  const out = join(folder, 'adapted.gguf');
  const argv = [
    'export',
    '--model',
    nano,
    '--adapter',
    join(run, 'adapter'),
    '--format',
    'gguf',
    '--dtype',
    'f16',
    '--out',
    out,
  ];
  const { code, out: printed, err } = await runCli([...argv, '--json']);
  assert.equal(code, 0, err);
  assert.ok((JSON.parse(printed) as { mean: number }).mean < 0.01);
  assert.ok(existsSync(out));
  const again = await runCli(argv);
  assert.equal(again.code, 1);
  assert.match(again.err, /exists already/);
});

test('an export that fails leaves nothing, and a wrong dtype is a wrong use', async () => {
  const out = join(folder, 'not-there.gguf');
  const model = fileURLToPath(new URL('../fixtures/models/gelu', import.meta.url));
  const failed = await runCli(['export', '--model', model, '--format', 'gguf', '--out', out]);
  assert.equal(failed.code, 1);
  assert.deepEqual(
    readdirSync(folder).filter((name) => name.startsWith('not-there')),
    [],
  );
  const wrong = await runCli(['export', '--model', model, '--format', 'onnx', '--dtype', 'q8_0', '--out', out]);
  assert.equal(wrong.code, 2);
  assert.match(wrong.err, /--dtype: expected fp32, fp16, q8, q4 for onnx but found q8_0/);
  assert.ok(readFileSync(join(model, 'config.json')).length > 0);
});

test('Ctrl-C ends an export between its stages with 130 and leaves nothing', async () => {
  const out = join(folder, 'stopped.gguf');
  const argv = ['export', '--model', nano, '--format', 'gguf', '--out', out];
  const { code } = await runCli(argv, AbortSignal.abort());
  assert.equal(code, 130);
  assert.deepEqual(
    readdirSync(folder).filter((name) => name.startsWith('stopped')),
    [],
  );
});

test('a model that is not here is looked for on the hub', async () => {
  const before = process.env['HF_HUB_OFFLINE'];
  process.env['HF_HUB_OFFLINE'] = '1';
  try {
    const argv = [
      'export',
      '--model',
      'no-such-org/no-such-model',
      '--format',
      'gguf',
      '--out',
      join(folder, 'hub.gguf'),
    ];
    const { code, err } = await runCli(argv);
    assert.equal(code, 1);
    assert.match(err, /no-such-org\/no-such-model: no such file or folder here, and from the hub/);
  } finally {
    if (before === undefined) delete process.env['HF_HUB_OFFLINE'];
    else process.env['HF_HUB_OFFLINE'] = before;
  }
});

test('transformers.js puts the beginning token first where the tokenizer does, whatever its configuration says', async () => {
  const model = join(folder, 'begins');
  cpSync(nano, model, { recursive: true });
  const json = JSON.parse(readFileSync(join(model, 'tokenizer.json'), 'utf8')) as Record<string, unknown>;
  const own = loadTokenizer((await readCheckpointTokenizer(nano)) ?? assert.fail());
  const { text: begin, id } = own.eosToken ?? assert.fail();
  const special = { id: begin, ids: [id], tokens: [begin] };
  const [first, text] = [{ SpecialToken: { id: begin, type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }];
  const pair = [first, text, { Sequence: { id: 'B', type_id: 1 } }];
  const template = { type: 'TemplateProcessing', single: [first, text], pair, special_tokens: { [begin]: special } };
  writeFileSync(join(model, 'tokenizer.json'), JSON.stringify({ ...json, post_processor: template }));
  await exportModel({ model, format: 'onnx', dtype: 'q8', out: join(folder, 'begins-onnx'), engine, threads: 2 });
  const { pipeline, env } = await import('@huggingface/transformers');
  env.allowRemoteModels = false;
  env.localModelPath = folder;
  const { tokenizer } = await pipeline('text-generation', 'begins-onnx', { dtype: 'q8', device: 'cpu' });
  assert.equal((tokenizer as { add_bos_token?: boolean }).add_bos_token, true);
  assert.deepEqual(tokenizer.encode('Say').slice(0, 1), [id]);
});

for (const name of ['bert', 'roberta', 'distilbert']) {
  test(`${name}: transformers.js classifies and encodes with an exported model as tuneloop does`, async () => {
    const model = join(folder, name);
    for (const each of ['bert', name]) cpSync(fixture(`classifiers/${each}`), model, { recursive: true });
    // RoBERTa has one type of token alone.
    const tokenizer = readFileSync(join(model, 'tokenizer.json'), 'utf8');
    if (name === 'roberta')
      writeFileSync(join(model, 'tokenizer.json'), tokenizer.replaceAll(/"type_id": ?1/g, '"type_id": 0'));
    const config = JSON.parse(readFileSync(join(model, 'config.json'), 'utf8')) as Record<string, unknown>;
    const bare = join(folder, `${name}-bare`);
    cpSync(model, bare, { recursive: true });
    writeFileSync(join(bare, 'config.json'), JSON.stringify({ ...config, architectures: ['Encoder'] }));
    const options = { format: 'onnx', dtype: 'fp32', engine, threads: 2 } as const;
    const classifier = await exportModel({ ...options, model, out: join(folder, `${name}-classifier`) });
    assert.deepEqual([classifier.compared, classifier.mean < 1e-4], ['logits', true]);
    const encoder = await exportModel({ ...options, model: bare, out: join(folder, `${name}-encoder`) });
    assert.deepEqual([encoder.compared, encoder.mean < 1e-4], ['hidden states', true]);

    const { pipeline, env } = await import('@huggingface/transformers');
    env.allowRemoteModels = false;
    env.localModelPath = folder;
    const text = 'The cat sat there.';
    const loaded = await openClassifier({ model, engine });
    const lines = classify(loaded, examplesToClassify(rowsOf([text], 'text'), loaded, {}), { batchSize: 1 });
    const [{ logits } = assert.fail()] = await collect(lines);
    await loaded.close();
    const classifies = await pipeline('text-classification', `${name}-classifier`, { dtype: 'fp32', device: 'cpu' });
    const total = logits.reduce((sum, z) => sum + Math.exp(z), 0);
    const several = config['problem_type'] === 'multi_label_classification';
    const scoreOf = (z: number): number => (several ? 1 / (1 + Math.exp(-z)) : Math.exp(z) / total);
    const wanted = logits.map((z, i) => ({ label: loaded.model.labels[i], score: scoreOf(z) }));
    const found = (await classifies(text, { top_k: logits.length })) as { label: string; score: number }[];
    for (const { label, score } of wanted) {
      const other = found.find((each) => each.label === label)?.score ?? Number.NaN;
      assert.ok(Math.abs(other - score) < 1e-4, `${label}: ${other} instead of ${score}`);
    }
    const encodes = await pipeline('feature-extraction', `${name}-encoder`, { dtype: 'fp32', device: 'cpu' });
    const { dims } = await encodes([text, 'A longer text, padded beside it.'], { pooling: 'mean' });
    assert.deepEqual(dims, [2, loaded.model.hiddenSize]);
  });
}
