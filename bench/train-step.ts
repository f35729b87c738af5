// A training step of ours, of LoRA or of all weights, beside PyTorch's and TRL's, alternated step by step.
import { alternate, pairedRatio, quietRounds, type Summary } from './lib/alternate.ts';
import { conditions, printConditions, writeResult } from './lib/conditions.ts';
import { type Command, peer, peersMissing, start } from './lib/contestant.ts';
import { count, modelFolder, readOptions, trained } from './lib/options.ts';
import { ownCommands, ownOption } from './lib/ownEngines.ts';
import { median } from './lib/statistics.ts';

const options = readOptions(
  'One step (LoRA on all linear layers, or all weights; forward, backward, clipping, AdamW) beside PyTorch and TRL, alternated.',
  {
    model: { help: 'FOLDER of a Llama in float32 safetensors' },
    python: { help: 'FILE with torch, transformers, peft (and trl)', default: process.env['TUNELOOP_PYTHON'] ?? '' },
    ...ownOption,
    peers: {
      help: 'LIST of torch-fp32, torch-bf16-autocast, trl-default, trl-best, trl-fp32',
      default: 'torch-fp32,torch-bf16-autocast',
    },
    rounds: { help: 'N', default: '7' },
    threads: { help: 'N of each', default: '2' },
    batch: { help: 'N rows', default: '2' },
    length: { help: 'N tokens per row', default: '512' },
    train: { help: 'lora or full', default: 'lora' },
    r: { help: 'RANK of LoRA', default: '16' },
    quiet: { help: 'SECONDS to wait for an idle machine before each round', default: '20' },
    out: { help: 'FILE for the result as JSON' },
  },
);
const model = modelFolder(options.model);
const threads = count('threads', options.threads);
const trains = trained(options.train);
const shape = [
  '--batch',
  options.batch ?? '',
  '--length',
  options.length ?? '',
  '--r',
  options.r ?? '',
  '--train',
  trains,
];
const args = ['--model', model, '--threads', String(threads), ...shape];
const python = options.python === '' ? undefined : options.python;

/** The command of a peer, or why it is left out. */
function peerCommand(name: string): Command | string {
  const [kind, ...rest] = name.split('-');
  if ((kind !== 'torch' && kind !== 'trl') || rest.length === 0)
    throw new RangeError(`Expected a peer such as torch-fp32 but found ${name}`);
  const missing = peersMissing(python, [
    'torch',
    'transformers',
    'peft',
    ...(kind === 'trl' ? ['trl', 'datasets'] : []),
  ]);
  return missing ?? peer(name, python ?? '', `${kind}_step.py`, [...args, '--mode', rest.join('-')]);
}

const setting = conditions(threads);
printConditions(setting);
const ours = await ownCommands(options.own, 'train.ts', args);
const commands: Command[] = [...ours];
for (const name of (options.peers ?? '').split(',').filter((part) => part !== '')) {
  const command = peerCommand(name);
  if (typeof command === 'string') console.log(`${name} skipped: ${command}`);
  else commands.push(command);
}
// One after another: the time to the first step must not be that of three starts at once.
const contestants = [];
for (const command of commands) contestants.push(await start(command));
const results = await alternate(contestants, count('rounds', options.rounds), Number(options.quiet));
for (const contestant of contestants) await contestant.quit();

const tokens = Number(options.batch) * Number(options.length);
const gapOf = ({ turns }: Summary): number[] =>
  turns.map(({ reply }) => Number(reply['gapMs'])).filter((gap) => !Number.isNaN(gap));
const what = trains === 'full' ? 'all weights' : `LoRA r=${options.r} all-linear`;
console.log(`${what}, ${options.batch} x ${options.length} tokens, ${options.rounds} rounds`);
for (const [name, result] of results) {
  const { ms, firstStepMs, peakRssMb, idleCores, foreignCores } = result;
  const rate = ((1000 * tokens) / ms.median).toFixed(0);
  console.log(
    `${name}: ${ms.median.toFixed(0)} ms (${ms.min.toFixed(0)}-${ms.max.toFixed(0)}), ${rate} tokens/s, peak ${peakRssMb} MB`,
  );
  console.log(
    `  start to the end of the first step ${(firstStepMs / 1000).toFixed(1)} s; waiting peers took ${idleCores?.toFixed(2)} cores, other processes ${foreignCores?.toFixed(2)}`,
  );
  const gaps = gapOf(result);
  if (gaps.length > 0) {
    const first = contestants.find((contestant) => contestant.name === name)?.first['gapMs'];
    console.log(
      `  event-loop gap ${median(gaps).toFixed(1)} ms (at most ${Math.max(...gaps).toFixed(1)}; in the first step ${first})`,
    );
  }
  if (ours.some((own) => own.name === name)) continue;
  for (const own of ours) {
    const over = results.get(own.name);
    if (!over) continue;
    const ratio = pairedRatio(result, over, (reply) => Number(reply['ms']));
    const of = [ratio.median, ratio.min, ratio.max].map((value) => value.toFixed(2));
    const medians = (ms.median / over.ms.median).toFixed(2);
    console.log(
      `  takes ${of[0]} times as long as ${own.name} in the same round (${of[1]}-${of[2]}; ratio of medians ${medians})`,
    );
  }
}
const quiet = quietRounds(results);
console.log(`${quiet.length} of ${options.rounds} rounds had the machine for themselves`);
for (const [name, { turns }] of quiet.length > 0 ? results : []) {
  const times = quiet.map((round) => Number(turns[round]?.reply['ms']));
  console.log(`  ${name}: ${median(times).toFixed(0)} ms in these`);
}
const firsts = Object.fromEntries(contestants.map(({ name, first }) => [name, first]));
writeResult(options.out, {
  conditions: setting,
  shape: { batch: options.batch, length: options.length, r: options.r },
  firsts,
  results: Object.fromEntries(results),
});
