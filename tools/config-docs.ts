// Writes docs/config.md: how a run is written down, and every field with its option, its values and its default.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { aliases } from '../src/cli/tuneOptions.ts';
import { configFileNames } from '../src/loop/configFile.ts';
import { type ConfigField, configFields } from '../src/loop/configFields.ts';

type JsonSchema = z.core.JSONSchema.BaseSchema;

const code = (text: string): string => `\`${text}\``;

/** The values that a JSON Schema lets through, in words. */
function valuesOf(schema: JsonSchema): string {
  const { type, anyOf, enum: values, const: only, items, additionalProperties } = schema;
  if (only !== undefined) return code(String(only));
  if (values) return values.map((value) => code(String(value))).join(', ');
  if (anyOf) return [...new Set(anyOf.map((each) => valuesOf(each)))].join(', or ');
  if (type === 'boolean') return '`true`, `false`';
  if (type === 'string') return 'text';
  if (type === 'array') return `list of ${plural(valuesOf(items as JsonSchema))}`;
  if (type === 'object') return `object from names to ${plural(valuesOf(additionalProperties as JsonSchema))}`;
  if (type !== 'number' && type !== 'integer')
    throw new TypeError(`Expected values in words but found ${JSON.stringify(schema)}`);
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum } = schema;
  const bounds = [
    ...(minimum === undefined ? [] : [`at least ${minimum}`]),
    ...(exclusiveMinimum === undefined ? [] : [`above ${exclusiveMinimum}`]),
    ...(maximum === undefined || maximum === Number.MAX_SAFE_INTEGER ? [] : [`at most ${maximum}`]),
    ...(exclusiveMaximum === undefined ? [] : [`below ${exclusiveMaximum}`]),
  ];
  return [type === 'integer' ? 'whole number' : 'number', ...bounds].join(', ');
}

const plural = (values: string): string => values.replace(/^text/, 'texts').replace(/^(whole )?number/, '$1numbers');

const shown = (value: unknown): string =>
  value === undefined ? '' : code(typeof value === 'string' ? value : JSON.stringify(value));

function defaultOf({ default: value, required, typeDefaults }: ConfigField): string {
  if (required) return 'required';
  if (typeDefaults === undefined) return shown(value);
  return Object.entries(typeDefaults)
    .map(([type, each]) => `${shown(each) || 'none'} (${code(type)})`)
    .join(', ');
}

/** Which types of its seam have a field, in words. */
function typesOf({ path, types }: ConfigField): string {
  if (types === undefined) return '';
  const seam = configFields.find((field) => field.path === path.replace(/\.[^.]*$/, '.type'));
  const all = seam?.kind.type === 'choice' ? seam.kind.values : [];
  const others = all.filter((type) => !types.includes(type));
  const few = others.length < types.length;
  return ` (${few ? 'not ' : ''}${(few ? others : types).map(code).join(', ')})`;
}

function rowOf(field: ConfigField): string {
  const { path, kind, schema, description } = field;
  const short = Object.entries(aliases).find(([, each]) => each === path)?.[0];
  const values = kind.type === 'choice' ? kind.values.map(code).join(', ') : valuesOf(z.toJSONSchema(schema));
  const option = short === undefined ? '' : code(`--${short}`);
  const cells = [code(path) + typesOf(field), option, values, defaultOf(field), description];
  return `| ${cells.map((text) => text.replaceAll('|', String.raw`\|`)).join(' | ')} |`;
}

/** One table per seam. */
function tables(): string {
  const seams = [...new Set(configFields.map(({ path }) => path.split('.')[0] ?? ''))];
  const table = (seam: string): string => {
    const rows = configFields.filter(({ path }) => path.startsWith(`${seam}.`)).map(rowOf);
    return `### ${seam}\n\n| field | option | values | default | meaning |\n|---|---|---|---|---|\n${rows.join('\n')}\n`;
  };
  return seams.map(table).join('\n');
}

/** The page as it must be committed. */
export function configPage(): string {
  return `# The config of a run

Written by \`node tools/config-docs.ts\` from the schema in \`src/loop/config.ts\`, as are the help of \`tuneloop tune\` and the checks.
[defaults.md](defaults.md) sets the defaults beside those of TRL and PEFT.

## Where it comes from

\`tuneloop tune\` takes the fields below as options and from a file, which \`--config FILE\` names or which the working folder holds as
${configFileNames
  .map(code)
  .join(', ')
  .replace(/, ([^,]*)$/, ' or $1')}; \`--no-config\` looks for none. Options win over the file. An option that
gives a seam another type (\`--adapter none\`) takes the place of all that the file says of that seam, and says so. Relative paths start at
the working folder.

\`\`\`ts
// tuneloop.config.ts
import { defineConfig } from 'tuneloop';

export default defineConfig({
  model: { path: 'HuggingFaceTB/SmolLM2-135M-Instruct' },
  data: { path: 'train.jsonl', evalShare: 0.1 },
  adapter: { type: 'lora', r: 16, alpha: 32 },
  optimizer: { learningRate: 2e-4 },
  train: { epochs: 2, batchSize: 4 },
});
\`\`\`

\`\`\`yaml
# tuneloop.config.yaml
model: { path: HuggingFaceTB/SmolLM2-135M-Instruct }
data: { path: train.jsonl, evalShare: 0.1 }
adapter: { type: lora, r: 16, alpha: 32 }
optimizer: { learningRate: 2e-4 }
train: { epochs: 2, batchSize: 4 }
\`\`\`

A module exports its config, or a promise of it, as its default. It holds data only: functions of yours are named by their module's path. TypeScript
needs Node 22.18 or newer and the syntax that Node strips (no \`enum\`); with an older Node write \`.mjs\`. \`defineConfig\` gives an editor the
fields; the type is exported as \`TuneConfigInput\`, and \`TuneConfig\` with everything filled in.

The \`config.json\` of a run is a config file as well: \`tuneloop tune --config runs/first/config.json --out runs/again\` gives the same run.

What is wrong is refused before anything is written, by file, field, expected and found:

    tuneloop: tuneloop.config.yaml: train.batch_size: there is no such field. Did you mean train.batchSize?
    tuneloop: tuneloop.config.yaml: train.batchSize: expected at least 1 but found 0

## Fields

Each path is an option too (\`--adapter.r 16\`); the second column has the short one. In a file a path is nested: \`adapter: { r: 16 }\`. Fields
that only some types of a seam have say which.

${tables()}`;
}

if (import.meta.main) writeFileSync(join(import.meta.dirname, '..', 'docs', 'config.md'), configPage());
