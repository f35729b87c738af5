import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chart, smoothed, ticks } from '../../src/loop/chart.ts';
import type { MetricsLine } from '../../src/loop/events.ts';
import { parseConfig } from '../../src/loop/parseConfig.ts';
import { renderReport } from '../../src/loop/report.ts';
import { formatBytes, formatDuration } from '../../src/loop/units.ts';

const config = parseConfig({ model: { path: 'a<b>&"model' }, data: { path: 'd.jsonl', evalPath: 'e.jsonl' } });
const run = {
  versions: { tuneloop: '0.1.0' },
  fingerprints: { model: 'abc', data: 'def' },
  engine: { name: 'ort', precision: 'fp32' },
  parameters: { all: 1000, trained: 50 },
  preview: {
    notes: ['4 examples, 27 tokens', 'Warning: look'],
    example: ['      1 "<script>alert(1)</script>"', '+     2 "learned"'],
  },
};
const metrics: MetricsLine[] = [
  { type: 'eval', step: 0, evalLoss: 3.25, supervisedTokens: 3, evalMs: 1 },
  ...Array.from({ length: 2000 }, (_, i) => ({
    type: 'step' as const,
    step: i + 1,
    epoch: 1,
    loss: 3 - i / 1000,
    learningRate: 1,
    gradNorm: 1,
    tokens: 10,
    supervisedTokens: 3,
    stepMs: 5,
    peakBytes: 2e9,
  })),
  { type: 'eval', step: 2000, evalLoss: 1.5, supervisedTokens: 3, evalMs: 1 },
  { type: 'done', stopReason: 'max-steps', step: 2000, adapterStep: 2000, seconds: 12, peakBytes: 2.5e9 },
];

const answer = (text: string) => ({ index: 3, prompt: '<|user|>2 + 2?', expected: '4', text });
const samples = [
  { step: 0, held: true, samples: [answer('The <b>'), answer('')], sampleMs: 5 },
  { step: 2000, held: true, samples: [answer('4'), answer('four')], sampleMs: 5 },
];

test('the report says what happened, in one small page without anything from outside', () => {
  const html = renderReport({ config, run, metrics, samples });
  assert.ok(html.length < 60_000, `${html.length} characters`);
  for (const fact of [
    '3.000 → 1.001',
    '3.250 → 1.500',
    '20,000',
    '2.50 GB',
    '4 examples, 27 tokens',
    '5.00%',
    'reached its number of steps',
    'abc',
    '&lt;|user|&gt;2 + 2?',
    'The &lt;b&gt;',
    '(nothing)',
    'After 2000 steps',
    'which the model was not trained on',
    ', 2000 tokens/s',
  ]) {
    assert.ok(html.includes(fact), fact);
  }
  assert.doesNotMatch(html, /<script|src=|href=|url\(|@import/);
  assert.ok(html.includes('a&lt;b&gt;&amp;&quot;model'));
  assert.ok(html.includes('<mark><span class="token" title="token 2">learned</span></mark>'));
  assert.ok(html.includes('<span class="token" title="token 1">&lt;script&gt;alert(1)&lt;/script&gt;</span>'));
  assert.ok(html.includes('<li class="warn">Warning: look</li>'));
  assert.match(html, /prefers-color-scheme:dark/);
  assert.match(html, /name="viewport"/);
});

test('a run without any step has a report too', () => {
  const html = renderReport({ config, run, metrics: [], samples: [] });
  assert.match(html, /has not ended yet/);
  assert.doesNotMatch(html, /NaN|undefined|<svg/);
});

test('prompts of the training data, answers that stay as they were and a run under way are told as such', () => {
  const [before] = samples;
  const same = { ...before, step: 9, held: false } as (typeof samples)[number];
  const html = renderReport({ config, run, metrics, samples: [{ ...same, step: 0 }, same] });
  assert.match(html, /since nothing was held out/);
  assert.match(html, /All answers are the same as before/);
  const open = renderReport({ config, run, metrics: [], samples: [same] });
  assert.doesNotMatch(open, /After \d+ steps|same as before/);
});

test('curves stay inside their scale', () => {
  const html = chart('Loss', [
    {
      name: 'loss',
      style: 'main',
      points: [
        { x: 1, y: 1.03 },
        { x: 2, y: NaN },
        { x: 3, y: 2.97 },
      ],
    },
  ]);
  const [x0, y0, x1, y1] = (/M([\d.]+) ([\d.]+)L([\d.]+) ([\d.]+)/.exec(html) ?? []).slice(1).map(Number);
  assert.deepEqual([x0, x1], [0, 1000]);
  assert.ok(Number(y0) > Number(y1) && Number(y0) <= 300 && Number(y1) >= 0, `${y0} ${y1}`);
  assert.equal(chart('Loss', []), '');
  assert.match(chart('Loss', [{ name: 'one', style: 'dots', points: [{ x: 0, y: 2 }] }]), /M0\.0 [\d.]+h0/);
});

test('marks on a scale are round and hold the curve', () => {
  assert.deepEqual(ticks(0.71, 2.27), [0.5, 1, 1.5, 2, 2.5]);
  assert.deepEqual(ticks(0, 0), [0, 0.2]);
  for (const [low, high] of [
    [1, 1.0001],
    [-3, 900],
    [1e-9, 2e-9],
  ] as const) {
    const marks = ticks(low, high);
    assert.ok((marks[0] ?? Infinity) <= low && (marks.at(-1) ?? -Infinity) >= high && marks.length <= 8, String(marks));
  }
});

test('smoothing keeps a constant and starts at the first value', () => {
  const flat = Array.from({ length: 100 }, (_, x) => ({ x, y: 2 }));
  for (const { y } of smoothed(flat)) assert.ok(Math.abs(y - 2) < 1e-12);
  assert.equal(smoothed([{ x: 0, y: 5 }])[0]?.y, 5);
});

test('units read well', () => {
  assert.deepEqual([999, 12e6, 2.5e9].map(formatBytes), ['1 kB', '12 MB', '2.50 GB']);
  assert.deepEqual([0.04, 9.96, 59.7, 61, 3599, 3600, 7290].map(formatDuration), [
    '40 ms',
    '10.0 s',
    '1 min 00 s',
    '1 min 01 s',
    '59 min 59 s',
    '1 h 00 min',
    '2 h 02 min',
  ]);
});
