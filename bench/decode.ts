// Greedy decoding of ours beside transformers' generate, alternated batch by batch.
import { type Summary, alternate, pairedRatio } from './lib/alternate.ts';
import { conditions, printConditions, writeResult } from './lib/conditions.ts';
import { type Command, peer, peersMissing, start } from './lib/contestant.ts';
import { count, modelFolder, readOptions } from './lib/options.ts';
import { ownCommands, ownOption } from './lib/ownEngines.ts';
import { type Spread, spread } from './lib/statistics.ts';

const options = readOptions("Greedy decoding with a cache beside transformers' generate, alternated.", {
  model: { help: 'FOLDER of a Llama in float32 safetensors' },
  python: { help: 'FILE with torch and transformers', default: process.env['TUNELOOP_PYTHON'] ?? '' },
  ...ownOption,
  dtypes: { help: 'LIST of the peer: float32, bfloat16', default: 'float32,bfloat16' },
  batches: { help: 'LIST of batch sizes', default: '1,8,32' },
  'prompt-length': { help: 'N tokens', default: '64' },
  'new-tokens': { help: 'N', default: '64' },
  rounds: { help: 'N', default: '5' },
  threads: { help: 'N of each', default: '2' },
  quiet: { help: 'SECONDS to wait for an idle machine before each round', default: '20' },
  out: { help: 'FILE for the result as JSON' },
});
const model = modelFolder(options.model);
const threads = count('threads', options.threads);
const newTokens = count('new-tokens', options['new-tokens']);
const python = options.python === '' ? undefined : options.python;
const missing = peersMissing(python, ['torch', 'transformers']);
const setting = conditions(threads);
printConditions(setting);
if (missing !== undefined) console.log(`transformers skipped: ${missing}`);

/** Tokens per second after the first one of each row, and of the whole with its prompt. */
function rates({ turns }: Summary, batch: number): { decode: Spread; whole: Spread } {
  const of = (rate: (first: number, whole: number) => number): Spread =>
    spread(turns.map(({ reply }) => 1000 * rate(Number(reply['firstTokenMs']), Number(reply['wholeMs']))));
  return {
    decode: of((first, whole) => (batch * (newTokens - 1)) / (whole - first)),
    whole: of((_first, whole) => (batch * newTokens) / whole),
  };
}

const results: Record<string, object> = {};
for (const batch of (options.batches ?? '').split(',').map((text) => count('batches', text))) {
  const shape = [
    '--batch',
    String(batch),
    '--prompt-length',
    options['prompt-length'] ?? '',
    '--new-tokens',
    String(newTokens),
  ];
  const args = ['--model', model, '--threads', String(threads), ...shape];
  const ours = await ownCommands(options.own, 'decode.ts', args);
  const commands: Command[] = [...ours];
  for (const dtype of missing === undefined ? (options.dtypes ?? '').split(',') : []) {
    commands.push(peer(`transformers ${dtype}`, python ?? '', 'generate.py', [...args, '--dtype', dtype]));
  }
  const contestants = [];
  for (const command of commands) contestants.push(await start(command));
  const summaries = await alternate(contestants, count('rounds', options.rounds), Number(options.quiet));
  for (const contestant of contestants) await contestant.quit();
  console.log(
    `batch ${batch}, prompts of ${options['prompt-length']} tokens, ${newTokens} new ones, ${options.rounds} rounds`,
  );
  for (const [name, summary] of summaries) {
    const { decode, whole } = rates(summary, batch);
    const text = ({ median, min, max }: Spread): string => `${median.toFixed(1)} (${min.toFixed(1)}-${max.toFixed(1)})`;
    console.log(
      `  ${name}: decode ${text(decode)} tokens/s, whole ${text(whole)}, peak ${summary.peakRssMb} MB, other processes ${summary.foreignCores?.toFixed(2)} cores`,
    );
    if (ours.some((own) => own.name === name)) continue;
    for (const own of ours) {
      const over = summaries.get(own.name);
      if (!over) continue;
      const faster = pairedRatio(summary, over, (reply) => Number(reply['wholeMs']) - Number(reply['firstTokenMs']));
      console.log(`    ${own.name} decodes ${text(faster)} times as fast in the same round`);
    }
  }
  results[`batch ${batch}`] = Object.fromEntries(
    [...summaries].map(([name, summary]) => [name, { ...rates(summary, batch), ...summary }]),
  );
}
writeResult(options.out, { conditions: setting, promptLength: options['prompt-length'], newTokens, results });
