// A policy of two layers of 64 units at batch 1: calls, steps and updates of ours beside PyTorch eager's.
import { alternate, quietRounds, type Summary } from './lib/alternate.ts';
import { conditions, printConditions, writeResult } from './lib/conditions.ts';
import { own, peer, peersMissing, start } from './lib/contestant.ts';
import { count, readOptions } from './lib/options.ts';
import { median, spread } from './lib/statistics.ts';

const options = readOptions(
  'Prebound synchronous calls of a small policy beside PyTorch eager, alternated; one thread each.',
  {
    python: { help: 'FILE with torch', default: process.env['TUNELOOP_PYTHON'] ?? '' },
    engines: { help: 'LIST of ort, native', default: 'ort,native' },
    rounds: { help: 'N', default: '9' },
    calls: { help: 'N of each kind a round', default: '2000' },
    updates: { help: 'N in one program', default: '16' },
    quiet: { help: 'SECONDS to wait for an idle machine before each round', default: '5' },
    out: { help: 'FILE for the result as JSON' },
  },
);
const calls = String(count('calls', options.calls));
const updates = String(count('updates', options.updates));
const setting = conditions(1);
printConditions(setting);
const commands = (options.engines ?? '')
  .split(',')
  .map((engine) => own(engine, 'small.ts', ['--engine', engine, '--calls', calls, '--updates', updates]));
const python = options.python === '' ? undefined : options.python;
const missing = peersMissing(python, ['torch']);
if (missing === undefined) commands.push(peer('torch', python ?? '', 'torch_small.py', ['--calls', calls]));
else console.log(`torch skipped: ${missing}`);
const contestants = [];
for (const command of commands) contestants.push(await start(command));
const results = await alternate(contestants, count('rounds', options.rounds), Number(options.quiet));
for (const contestant of contestants) await contestant.quit();

const kinds = {
  callUs: 'one addition',
  actUs: 'forward pass',
  updateUs: 'forward, backward and AdamW',
  manyUs: `the same, an update of ${updates} in one program`,
};
const values = (summary: Summary | undefined, kind: string): number[] =>
  (summary?.turns ?? []).flatMap(({ reply }) => (kind in reply ? [Number(reply[kind])] : []));
const torch = results.get('torch');
for (const [kind, words] of Object.entries(kinds)) {
  console.log(`${words}:`);
  for (const [name, summary] of results) {
    const own = values(summary, kind);
    if (own.length === 0) continue;
    const us = spread(own);
    const others = values(torch, kind === 'manyUs' ? 'updateUs' : kind);
    const ratios = own.map((value, round) => (others[round] ?? Number.NaN) / value);
    const beside =
      torch && name !== 'torch' ? `; PyTorch takes ${median(ratios).toFixed(2)} times as long in the same round` : '';
    console.log(`  ${name}: ${us.median.toFixed(1)} µs (${us.min.toFixed(1)}-${us.max.toFixed(1)})${beside}`);
  }
}
console.log(`${quietRounds(results).length} of ${options.rounds} rounds had the machine for themselves`);
writeResult(options.out, { conditions: setting, results: Object.fromEntries(results) });
