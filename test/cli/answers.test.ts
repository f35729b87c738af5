import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fixture } from '../parity.ts';
import { runCli } from './run.ts';
import { jsonLines } from '../jsonLines.ts';

const folder = mkdtempSync(join(tmpdir(), 'tuneloop-answers-'));
after(() => rmSync(folder, { recursive: true }));
const at = (...path: string[]): string => join(folder, ...path);
const write = (name: string, text: string): string => {
  writeFileSync(at(name), text);
  return at(name);
};
const lines = (rows: readonly object[]): string => rows.map((row) => `${JSON.stringify(row)}\n`).join('');
const prompts = ['2 + 2 =', 'The cat', 'the', 'seven', 'two and', 'mat'];
const data = write('data.jsonl', lines(prompts.map((prompt, i) => ({ prompt, wanted: i % 3 }))));
const held = write(
  'held.jsonl',
  lines([
    { prompt: 'The', wanted: 1 },
    { prompt: 'apples', wanted: 2 },
  ]),
);
/** Dense, so that no group of answers is worth the same. */
const reward = write(
  'reward.mjs',
  'export const reward = ({ completion, fields }) => -Math.abs([...completion].filter((c) => c === "t").length - fields.wanted) - completion.length / 100;',
);

interface Line {
  readonly type: string;
  readonly step: number;
  readonly loss: number;
  readonly gradNorm: number;
  readonly reward?: number;
  readonly evalLoss?: number;
  readonly graded?: number;
  readonly best?: { readonly metric: string; readonly value: number };
  readonly metrics?: Readonly<Record<string, number>>;
}

const linesOf = (run: string): Line[] => jsonLines<Line>(at(run, 'metrics.jsonl'));
const told = (run: string) =>
  linesOf(run).flatMap(({ type, step, loss, gradNorm, metrics }) =>
    type === 'step' ? [{ step, loss, gradNorm, metrics }] : [],
  );
const adapterOf = (run: string): Buffer => readFileSync(at(run, 'adapter', 'adapter_model.safetensors'));

const tune = (run: string, options: string, ...more: string[]) =>
  runCli([
    'tune',
    '--model',
    fixture('models/chat'),
    '--data',
    data,
    '--reward',
    reward,
    '--out',
    at(run),
    ...'--threads 1 --forgetting.measure false --samples.prompts 0 --lr-scheduler-type constant'.split(' '),
    ...options.split(' '),
    ...more,
  ]);

const short = '--objective.maxCompletionLength 8';
const grpo = `--objective grpo --objective.numGenerations 4 --learning-rate 0.01 --lora-r 4 ${short}`;
const es = `--optimizer es ${short}`;

test('grpo raises the reward, tells what TRL tells, and 8 rows are 4 rows twice', async () => {
  const whole = await tune(
    'whole',
    `${grpo} --batch-size 8 --max-steps 8 --eval-data ${held} --eval-steps 4 --load-best-model-at-end`,
  );
  assert.equal(whole.code, 0, whole.err);
  assert.match(whole.err, /6 prompts, .* the model learns from its own answers/);
  assert.match(whole.err, /2 prompts are answered together, 4 times each, for one micro-batch/);
  assert.match(whole.err, /gain: task score/);
  const steps = told('whole');
  const rewardOf = (step: number): number => steps[step - 1]?.metrics?.['reward'] ?? NaN;
  assert.ok((rewardOf(7) + rewardOf(8)) / 2 > (rewardOf(1) + rewardOf(2)) / 2);
  for (const name of [
    'rewardStd',
    'fracRewardZeroStd',
    'completionMeanLength',
    'completionClippedRatio',
    'entropy',
    'clipRatio',
  ])
    assert.ok(Number.isFinite(steps[0]?.metrics?.[name]), name);
  assert.ok(Math.abs(steps[0]?.loss ?? NaN) < 1, 'a mean of advantages');
  const evals = linesOf('whole').filter(({ type }) => type === 'eval');
  assert.deepEqual(
    evals.map(({ step, evalLoss, graded }) => [step, evalLoss, graded]),
    [
      [0, undefined, 2],
      [4, undefined, 2],
      [8, undefined, 2],
    ],
  );
  const done = linesOf('whole').at(-1);
  const best = Math.max(...evals.slice(1).map(({ reward: mean }) => mean ?? NaN));
  assert.deepEqual([done?.best?.metric, done?.best?.value], ['reward', best]);
  await tune('parts', `${grpo} --batch-size 4 --gradient-accumulation-steps 2 --max-steps 2`);
  told('parts').forEach(({ loss, gradNorm }, i) => {
    assert.ok(Math.abs(loss - (steps[i]?.loss ?? NaN)) < 1e-4, `${loss} against ${steps[i]?.loss}`);
    assert.ok(Math.abs(gradNorm - (steps[i]?.gradNorm ?? NaN)) < 1e-3 * gradNorm);
  });
});

for (const [name, options] of [
  [
    'iterated',
    `${grpo} --batch-size 4 --objective.numIterations 2 --objective.stepsPerGeneration 3 --objective.beta 0.1`,
  ],
  [
    'evolved',
    `${es} --optimizer.populationSize 4 --optimizer.sigma 0.1 --learning-rate 0.1 --batch-size 2 --gradient-accumulation-steps 2`,
  ],
] as const) {
  test(`${name}: a run goes on from a checkpoint to the same bits`, async () => {
    const { code, err } = await tune(name, `${options} --max-steps 7 --save-steps 4`);
    assert.equal(code, 0, err);
    const whole = { steps: told(name), adapter: adapterOf(name) };
    assert.equal(whole.steps.length, 7);
    assert.equal(new Set(whole.steps.map(({ loss }) => loss)).size, 7);
    rmSync(at(name, 'checkpoints', 'step-7'), { recursive: true });
    rmSync(at(name, 'adapter'), { recursive: true });
    writeFileSync(at(name, 'metrics.jsonl'), '');
    const resumed = await runCli(['tune', '--resume', at(name), '--quiet']);
    assert.equal(resumed.code, 0, resumed.err);
    assert.deepEqual(told(name), whole.steps.slice(4));
    assert.deepEqual(adapterOf(name), whole.adapter);
  });
}

test('es trains a model whole, without a gradient, to a higher reward', async () => {
  const options = `--adapter none ${es} --optimizer.populationSize 8 --optimizer.sigma 0.02 --learning-rate 0.02 --batch-size 6`;
  const { code, err } = await tune('es', `${options} --max-steps 6`);
  assert.equal(code, 0, err);
  const steps = told('es');
  assert.ok(steps.every(({ loss, metrics }) => Math.abs(loss + (metrics?.['reward'] ?? NaN)) < 1e-12));
  assert.ok((steps.at(-1)?.loss ?? NaN) < (steps[0]?.loss ?? NaN));
  const config = JSON.parse(readFileSync(at('es', 'config.json'), 'utf8')) as { objective: object };
  assert.deepEqual(config.objective, { type: 'reward', maxCompletionLength: 8 });
});

test('what cannot be is refused by name', async () => {
  const base = ['tune', '--model', fixture('models/chat'), '--data', data];
  const cases: readonly (readonly [string, RegExp])[] = [
    [
      '--optimizer es --objective sft',
      /--objective: expected reward with optimizer es, which has no gradients, but found sft/,
    ],
    ['--objective reward', /expected one of es as the optimizer with it but found reward/],
    ['--optimizer es --weight-decay 0.1', /weight-decay: optimizer es has no such field/],
    ['--optimizer es --gradient-checkpointing', /expected false with optimizer es/],
    [`${grpo} --packing`, /data\.packing: expected false, as grpo learns from the model's own answers, but found true/],
    ['--objective grpo', /expected fewer than the 256 positions of the model but found 512/],
    [`${grpo} --batch-size 32`, /Expected at least 8 prompts, which are answered together, but found 6/],
    [`${grpo} --objective.stepsPerGeneration 1 --batch-size 3`, /whole groups of 4 answers/],
    [`${grpo} --reward.prompts 2`, /expected evaluation data with it/],
  ];
  for (const [options, message] of cases) {
    const { code, err } = await runCli([...base, '--reward', reward, '--dry-run', ...options.split(' ')]);
    assert.notEqual(code, 0, options);
    assert.match(err, message);
  }
  const short = await runCli([...base, '--reward', reward, '--dry-run', '--max-length', '2', ...grpo.split(' ')]);
  assert.match(short.err, /dropped, a prompt that is too long: input lines 1, /);
  const left = await runCli([...base, '--reward', reward, '--dry-run', '--batch-size', '16', ...grpo.split(' ')]);
  assert.match(left.err, /2 of 6 prompts are left out of each epoch/);
  const without = await runCli([...base, '--objective', 'grpo', '--dry-run']);
  assert.match(without.err, /--objective: expected reward\.path with it but found grpo/);
  const dropping = await tune('dropping', `${es} --lora-dropout 0.1 --max-steps 1`);
  assert.match(dropping.err, /es has no dropout/);
  const module = write('none.mjs', 'export const reward = () => ({ score: null, reason: "no idea" });');
  const ungraded = await runCli([
    ...base,
    '--reward',
    module,
    '--out',
    at('none'),
    '--threads',
    '1',
    ...grpo.split(' '),
  ]);
  assert.match(ungraded.err, /Expected a grade by .*none\.mjs in step 1 but none of 4 answers has one: no idea/);
});
