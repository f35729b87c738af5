// Writes docs/seams.md: how long the units of each seam are, and what of the sources names them, counted.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';

const root = join(import.meta.dirname, '..');
const read = (path: string): string => readFileSync(join(root, path), 'utf8');

interface Seam {
  readonly name: string;
  /** The list that a new unit goes into. */
  readonly index: string;
  /** Where its units lie; the list's own folder unless given. */
  readonly folder?: string;
  /** Of what the list imports from there, files that are no unit. */
  readonly others: readonly string[];
  /** What every unit of the seam is held to without a line of its own. */
  readonly suite: string;
}

export const seams: readonly Seam[] = [
  {
    name: 'operation',
    index: 'src/ir/ops/index.ts',
    others: [],
    suite: 'test/ir/ops.test.ts, test/ir/transforms.test.ts, the engines’ tests',
  },
  {
    name: 'model',
    index: 'src/nn/models/index.ts',
    others: [],
    suite: 'test/nn/architectures.test.ts',
  },
  { name: 'adapter', index: 'src/adapters/index.ts', others: [], suite: 'test/adapters/units.test.ts' },
  { name: 'objective', index: 'src/objectives/index.ts', others: [], suite: 'test/objectives/objectives.test.ts' },
  {
    name: 'optimizer',
    index: 'src/optimizers/index.ts',
    others: ['clips', 'optimizer'],
    suite: 'test/optimizers/rules.test.ts',
  },
  { name: 'clip of gradients', index: 'src/optimizers/clips.ts', others: [], suite: 'test/optimizers/clips.test.ts' },
  { name: 'data step', index: 'src/data/dataSteps.ts', others: ['dataStep'], suite: 'its own test' },
  { name: 'reward', index: 'src/rewards/index.ts', others: [], suite: 'its own test' },
  { name: 'probe', index: 'src/probes/index.ts', others: [], suite: 'test/probes/intruderDims.test.ts' },
  { name: 'surgery', index: 'src/surgery/index.ts', others: [], suite: 'test/surgery/units.test.ts' },
  {
    name: 'world',
    index: 'src/anywhere.ts',
    folder: 'src/worlds/',
    others: ['frozenLakeMaps', 'textWorld', 'world'],
    suite: 'test/worlds/worlds.test.ts',
  },
  { name: 'recipe', index: 'src/papers/index.ts', others: ['catalogue'], suite: 'test/papers/recipes.test.ts' },
];

/** Entry points name what they hand out. */
const entries: ReadonlySet<string> = new Set(['src/index.ts', 'src/anywhere.ts', 'src/node.ts', 'src/web.ts']);

export interface Unit {
  readonly file: string;
  readonly lines: number;
  /** Without imports, comments and blank lines. */
  readonly code: number;
  /** Files of the sources that import it, beside its index, the entry points, recipes and units of its own folder. */
  readonly namedBy: readonly string[];
}

const files = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
  .map((name) => `src/${name.replaceAll('\\', '/')}`)
  .filter((name) => name.endsWith('.ts'))
  .toSorted();

/** Files that a source imports, types alone left out. */
function importsOf(file: string): string[] {
  const found = read(file).matchAll(/^(?:import|export) (?!type )[^;]*? from '(\.[^']+)';/gm);
  return [...found].map(([, path = '']) => relative(root, join(root, dirname(file), path)).replaceAll('\\', '/'));
}

const importers = new Map<string, string[]>();
for (const file of files)
  for (const imported of importsOf(file)) importers.set(imported, [...(importers.get(imported) ?? []), file]);

function codeLines(text: string): number {
  const bare = text
    .replace(/^(?:import|export) [^;]*? from '[^']+';$/gm, '')
    .replace(/\/\*\*?[\s\S]*?\*\//g, '')
    .replace(/^\s*\/\/.*$/gm, '');
  return bare.split('\n').filter((line) => line.trim() !== '').length;
}

/** The units that a seam's list imports from its folder. */
export function unitsOf({ index, folder = `${dirname(index)}/`, others }: Seam): Unit[] {
  const own = importsOf(index).filter(
    (file) => file.startsWith(folder) && !others.some((name) => file === `${folder}${name}.ts`),
  );
  return [...new Set(own)].toSorted().map((file) => {
    const text = read(file);
    const namedBy = (importers.get(file) ?? []).filter(
      (other) => !other.startsWith(folder) && !other.startsWith('src/papers/') && !entries.has(other),
    );
    return { file, lines: text.split('\n').length - 1, code: codeLines(text), namedBy };
  });
}

const middle = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;

/** Seams of so many units are told by their range alone. */
const manyUnits = 20;

export function seamsPage(): string {
  const all = seams.map((seam) => ({ seam, units: unitsOf(seam) }));
  const rows = all.map(({ seam, units }) => {
    const lines = units.map((unit) => unit.lines);
    return `| ${seam.name} | ${units.length} | ${Math.min(...lines)} – ${middle(lines)} – ${Math.max(...lines)} | \`${seam.index}\` | ${seam.suite} |`;
  });
  const tables = all
    .filter(({ units }) => units.length <= manyUnits)
    .flatMap(({ seam, units }) => [
      `## ${seam.name}`,
      '',
      '| file | lines | of code | named elsewhere by |',
      '|---|---|---|---|',
      ...units.map(
        ({ file, lines, code, namedBy }) =>
          `| \`${file}\` | ${lines} | ${code} | ${namedBy.length === 0 ? 'nothing' : namedBy.map((name) => `\`${name}\``).join(', ')} |`,
      ),
      '',
    ]);
  return [
    '# What a unit of each seam takes',
    '',
    'Written by `node tools/seams.ts`, which counts. A new unit is one file, one line in its list, and its test; what every unit is held to without a line of its own',
    'stands beside it. Lines are least – middle – most, docstrings and imports included; of code leaves out imports, comments and blank lines. Named',
    'elsewhere leaves out the list, the entry points, recipes and the unit’s own folder: that nothing is named there is what makes a seam one.',
    'What was awkward and what was changed for it is in [decisions.md](decisions.md).',
    '',
    '| seam | units | lines | its list | held to |',
    '|---|---|---|---|---|',
    ...rows,
    '',
    ...tables,
  ].join('\n');
}

if (import.meta.main) writeFileSync(join(root, 'docs/seams.md'), seamsPage());
