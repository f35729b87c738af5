import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fixture } from '../parity.ts';
import { runCli } from './run.ts';

const folder = mkdtempSync(join(tmpdir(), 'tuneloop-best-'));
after(() => rmSync(folder, { recursive: true }));
const at = (...path: string[]): string => join(folder, ...path);
const rows = (pairs: readonly string[]): string =>
  pairs.map((pair) => `${JSON.stringify({ prompt: pair.split('|')[0], completion: pair.split('|')[1] })}\n`).join('');

const shared =
  '--batch-size 2 --learning-rate 0.02 --lora-r 2 --eval-steps 2 --save-steps 3 --save-total-limit 2 --load-best-model-at-end';

const start = (run: string, maxSteps: number, ...more: string[]) => {
  const data = ['--data', at('train.jsonl'), '--eval-data', at('held.jsonl'), '--out', at(run)];
  const options = [...shared.split(' '), '--max-steps', `${maxSteps}`, ...more];
  return runCli(['tune', '--model', fixture('models/chat'), ...data, ...options]);
};

before(async () => {
  writeFileSync(at('train.jsonl'), rows(['2 + 2 =| 4', 'The cat| sat there.', 'the| mat', 'seven| apples']));
  // Learning the one unlearns the other after a few steps.
  writeFileSync(at('held.jsonl'), rows(['2 + 2 =| mat', 'The cat| apples', 'seven| 4']));
  writeFileSync(
    at('reward.mjs'),
    'export const reward = ({ prompt, completion, reference, fields }) =>\n' +
      "  fields.completion === reference && prompt !== '' ? { score: completion.length, reason: 'length' } : null;\n",
  );
  const { code, err } = await start('run', 40, '--early-stopping-patience', '3');
  assert.equal(code, 0, err);
});

interface Line {
  type: string;
  step: number;
  evalLoss?: number;
  reward?: number;
  best?: boolean | { step: number; metric: string; value: number };
  stopReason?: string;
  adapterStep?: number;
}
const metrics = (run: string): Line[] =>
  readFileSync(at(run, 'metrics.jsonl'), 'utf8')
    .trimEnd()
    .split('\n')
    .map(
      (line) => JSON.parse(line, (key, value: unknown) => (/Ms$|seconds|peak/.test(key) ? undefined : value)) as Line,
    );
const adapterOf = (...path: string[]): Buffer => readFileSync(at(...path, 'adapter', 'adapter_model.safetensors'));

test('a run stops when evaluations stay worse, with the weights of the best, which stay beside the last', () => {
  const lines = metrics('run');
  const evals = lines.filter(({ type, step }) => type === 'eval' && step > 0);
  const least = Math.min(...evals.map(({ evalLoss }) => evalLoss ?? Infinity));
  const best = evals.find(({ evalLoss }) => evalLoss === least)?.step ?? 0;
  const last = evals.at(-1)?.step ?? 0;
  assert.equal(last, best + 6, 'three evaluations after the best');
  assert.ok(last < 40);
  const done = lines.at(-1);
  assert.deepEqual([done?.stopReason, done?.step, done?.adapterStep], ['early-stopping', last, best]);
  assert.deepEqual(done?.best, { step: best, metric: 'evalLoss', value: least });
  evals.forEach((line, i) =>
    assert.equal(
      line.best === true,
      evals.slice(0, i).every(({ evalLoss }) => (evalLoss ?? 0) > (line.evalLoss ?? Infinity)),
      `step ${line.step}`,
    ),
  );
  assert.deepEqual(readdirSync(at('run', 'checkpoints')).sort(), [`step-${best}`, `step-${last}`].sort());
  assert.deepEqual(adapterOf('run'), adapterOf('run', 'checkpoints', `step-${best}`));
  assert.notDeepEqual(adapterOf('run'), adapterOf('run', 'checkpoints', `step-${last}`));
  assert.match(readFileSync(at('run', 'report.html'), 'utf8'), /stopped because no evaluation was better for long/);
});

test('a run that is cut off anywhere ends as the unbroken one', async () => {
  const whole = metrics('run');
  const last = whole.at(-1)?.step ?? 0;
  const kept = readdirSync(at('run', 'checkpoints'));
  for (const [name, cut] of [
    ['before the end', (): void => {}],
    ['after its last evaluation', () => rmSync(at('cut', 'checkpoints', `step-${last}`), { recursive: true })],
  ] as const) {
    rmSync(at('cut'), { recursive: true, force: true });
    cpSync(at('run'), at('cut'), { recursive: true });
    const lines = readFileSync(at('cut', 'metrics.jsonl'), 'utf8').trimEnd().split('\n').slice(0, -1);
    writeFileSync(at('cut', 'metrics.jsonl'), `${lines.join('\n')}\n`);
    rmSync(at('cut', 'adapter'), { recursive: true });
    cut();
    const { code, err } = await runCli(['tune', '--resume', at('cut'), '--quiet']);
    assert.equal(code, 0, err);
    assert.deepEqual(metrics('cut'), whole, name);
    assert.deepEqual(adapterOf('cut'), adapterOf('run'), name);
    assert.deepEqual(readdirSync(at('cut', 'checkpoints')), kept, name);
  }
});

test('who extends a run that stopped early gets new patience', async () => {
  const before = metrics('run').at(-1)?.step ?? 0;
  const { code, err } = await runCli(['tune', '--resume', at('run'), '--max-steps', '40', '--quiet']);
  assert.equal(code, 0, err);
  assert.equal(metrics('run').at(-1)?.step, before + 6);
});

test("a user's reward grades answers at every evaluation and can choose the best", async () => {
  const options = ['--reward', at('reward.mjs'), '--reward.maxNewTokens', '6', '--metric-for-best-model', 'reward'];
  const { code, err } = await start('graded', 8, ...options);
  assert.equal(code, 0, err);
  assert.match(err, /step 2: evaluation loss [\d.]+, reward [\d.]+ of 3 answers/);
  const evals = metrics('graded').filter(({ type }) => type === 'eval');
  const most = Math.max(...evals.slice(1).map(({ reward }) => reward ?? -1));
  const done = metrics('graded').at(-1) as { best?: { value: number } } | undefined;
  assert.equal(done?.best?.value, most);
  const config = JSON.parse(readFileSync(at('graded', 'config.json'), 'utf8')) as {
    reward: { path: string };
    run: { fingerprints: { reward: string } };
  };
  assert.equal(config.reward.path, at('reward.mjs'));
  assert.match(config.run.fingerprints.reward, /^[0-9a-f]{64}$/);
  writeFileSync(at('reward.mjs'), 'export default () => 1;\n');
  const changed = await runCli(['tune', '--resume', at('graded'), '--max-steps', '9']);
  assert.equal(changed.code, 1);
  assert.match(changed.err, /reward\.mjs: the reward is not what the run was started with/);
});

const refused: readonly (readonly [string, readonly string[], number, RegExp])[] = [
  ['a metric that is not measured', ['--metric-for-best-model', 'reward'], 1, /measures, evalLoss, but found reward$/],
  ['a threshold alone', ['--early-stopping-threshold', '1'], 2, /expected train\.earlyStoppingPatience with it/],
  ['prompts without a reward', ['--reward.prompts', '3'], 2, /--reward\.prompts: expected reward\.path with it/],
  ['a reward without a module', ['--reward', 'nowhere.mjs'], 1, /nowhere\.mjs/],
];
for (const [what, options, code, message] of refused) {
  test(`${what}: exit ${code}`, async () => {
    const found = await start('refused', 8, ...options, '--dry-run', '--quiet');
    assert.equal(found.code, code, found.err);
    assert.match(found.err.trim(), message);
  });
}
