// Writes docs/defaults.md: every field of a run's config with its default, and TRL's and PEFT's beside it.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { configFields } from '../src/loop/configFields.ts';

/** TRL 1.13's SFTConfig and GRPOConfig, PEFT 0.21's LoraConfig and torch's AdamW, by our field; a reason where ours differs. */
const theirs: Readonly<Record<string, { readonly value: unknown; readonly why?: string }>> = {
  'data.maxLength': { value: 1024 },
  'data.packing': { value: false },
  'data.loss': { value: null },
  'data.shuffle': { value: true },
  'adapter.type': { value: 'none', why: 'a low-rank adapter needs a fraction of the memory and forgets less' },
  'adapter.r': { value: 8, why: "TRL's own command line takes 16" },
  'adapter.alpha': { value: 8, why: "TRL's own command line takes 32, twice the rank" },
  'adapter.dropout': { value: 0 },
  'adapter.targetModules': {
    value: ['q_proj', 'v_proj'],
    why: 'adapters on all linear layers come closest to full fine-tuning, and on small models they cost little',
  },
  'adapter.rankPattern': { value: {} },
  'adapter.alphaPattern': { value: {} },
  'adapter.useRslora': { value: false },
  'objective.labelSmoothingFactor': { value: 0 },
  'objective.numGenerations': { value: 8 },
  'objective.maxCompletionLength': { value: 512 },
  'objective.temperature': { value: 1 },
  'objective.topP': { value: 1 },
  'objective.topK': { value: 0 },
  'objective.repetitionPenalty': { value: 1 },
  'objective.numIterations': { value: 1 },
  'objective.epsilon': { value: 0.2 },
  'objective.importanceSamplingLevel': { value: 'token' },
  'objective.lossType': { value: 'dapo' },
  'objective.scaleRewards': { value: 'group' },
  'objective.maskTruncatedCompletions': { value: false },
  'objective.useBiasCorrectionKl': { value: true },
  'optimizer.type': { value: 'adamw' },
  'optimizer.learningRate': {
    value: 2e-5,
    why: "TRL's is for full fine-tuning; low-rank adapters want about ten times as much",
  },
  'optimizer.beta1': { value: 0.9 },
  'optimizer.beta2': { value: 0.999 },
  'optimizer.eps': { value: 1e-8 },
  'optimizer.weightDecay': { value: 0 },
  'optimizer.momentum': { value: 0 },
  'optimizer.nesterov': { value: false },
  'optimizer.clipThreshold': { value: 1 },
  'optimizer.maxGradNorm': { value: 1 },
  'schedule.type': { value: 'linear' },
  'schedule.warmupSteps': { value: 0 },
  'schedule.numCycles': { value: 1 },
  'schedule.power': { value: 1 },
  'schedule.lrEnd': { value: 1e-7 },
  'schedule.warmupType': { value: 'linear' },
  'schedule.decayType': { value: 'cosine' },
  'schedule.minLrRatio': { value: 0 },
  'train.batchSize': { value: 8, why: 'half the memory on machines without a graphics card' },
  'train.gradientAccumulationSteps': { value: 1 },
  'train.gradientCheckpointing': { value: true, why: 'with small models time is scarcer than memory' },
  'train.epochs': { value: 3 },
  'train.loadBestModelAtEnd': { value: false },
  'train.saveSteps': { value: 500 },
  'train.seed': { value: 42 },
};

const shown = (value: unknown): string =>
  value === undefined ? '' : `\`${typeof value === 'string' ? value : JSON.stringify(value)}\``;
const cell = (text: string): string => text.replaceAll('|', String.raw`\|`);

/** The page as it must be committed. Error where a reason is missing, or given for a default that does not differ. */
export function defaultsPage(): string {
  const paths = new Set(configFields.map(({ path }) => path));
  const unknown = Object.keys(theirs).find((path) => !paths.has(path));
  if (unknown !== undefined) throw new Error(`Expected a field of the config but found ${unknown}`);
  const rows = configFields.map(({ path, description, required, default: ours }) => {
    const other = theirs[path];
    // Theirs is null where the answer depends on the data, which we call auto.
    const same = other === undefined || JSON.stringify(other.value ?? 'auto') === JSON.stringify(ours);
    if (same !== (other?.why === undefined))
      throw new Error(`${path}: expected a reason exactly where the default differs`);
    const left = required ? 'required' : shown(ours);
    return `| \`${path}\` | ${left} | ${other === undefined ? '' : shown(other.value)} | ${cell(description)}${other?.why === undefined ? '' : `. Differs: ${other.why}`} |`;
  });
  return `# Defaults

The fields of a run's config, written by \`node tools/defaults.ts\` from the schema in \`src/loop/config.ts\`. Each path is an option of
\`tuneloop tune\` (\`--adapter.r 16\`); \`tuneloop tune --help\` lists the short ones. The column beside ours holds TRL's SFTConfig and
GRPOConfig, PEFT's LoraConfig and torch's AdamW.

| field | default | TRL, PEFT | meaning |
|---|---|---|---|
${rows.join('\n')}
`;
}

if (import.meta.main) writeFileSync(join(import.meta.dirname, '..', 'docs', 'defaults.md'), defaultsPage());
