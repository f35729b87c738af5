import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import process from 'node:process';
import { after, test } from 'node:test';
import { places } from '../../src/cli/completionPlaces.ts';
import { commands } from '../../src/cli/commands.ts';
import { configFields } from '../../src/loop/configFields.ts';
import { runCli } from './run.ts';

const folder = mkdtempSync(join(tmpdir(), 'tuneloop-completion-'));
after(() => rmSync(folder, { recursive: true }));
mkdirSync(join(folder, 'with space'));
for (const name of ['data-1.jsonl', 'data-2.jsonl', 'other.txt']) writeFileSync(join(folder, name), '');

const has = (program: string): boolean =>
  (process.env['PATH'] ?? '').split(delimiter).some((path) => existsSync(join(path, program)));
const without = (...programs: string[]): string | false => {
  const missing = programs.find((program) => !has(program));
  return missing !== undefined && `no ${missing} here`;
};
async function scriptOf(shell: string): Promise<string> {
  const { code, out } = await runCli(['completion', shell]);
  assert.equal(code, 0);
  const file = join(folder, `completion.${shell}`);
  writeFileSync(file, out);
  return file;
}

/** What a command line that ends in a TAB offers, by shell. */
const offers = [
  { line: 'tu', names: ['tune'] },
  { line: 'help surg', names: ['surgery'] },
  { line: 'completion ', names: ['bash', 'fish', 'zsh'] },
  { line: 'tune --eng', names: ['--engine'] },
  { line: 'tune --engine ', names: ['auto', 'native', 'ort', 'reference'] },
  { line: 'tune --packing --engine o', names: ['ort'] },
  { line: 'tune --lr-scheduler-type cosine_', names: ['cosine_with_min_lr', 'cosine_with_restarts'] },
  { line: 'tune --adapter.use', names: ['--adapter.useDora', '--adapter.useRslora'] },
  { line: 'tune --no-data.sh', names: ['--no-data.shuffle'] },
  { line: 'tune --lora-r ', names: [] },
  { line: 'tune --data data-1.jsonl data-', names: ['data-1.jsonl', 'data-2.jsonl'] },
  { line: 'compare --methods lora ss', names: ['ssf'] },
  { line: 'inspect oth', names: ['other.txt'] },
  { line: 'surgery av', names: ['average'] },
  { line: 'surgery average --qui', names: ['--quiet'] },
  { line: 'nonsense ', names: null },
] as const;

test('bash offers commands, options, values and files', { skip: without('bash') }, async () => {
  const file = await scriptOf('bash');
  const words = ({ line }: (typeof offers)[number]): string =>
    line
      .split(' ')
      .map((word) => `'${word}'`)
      .join(' ');
  const program = `source ${file}
t() { COMP_WORDS=(tuneloop "$@"); COMP_CWORD=$#; _tuneloop; (IFS=' '; echo "\${COMPREPLY[*]}"); }
${offers.map((offer) => `t ${words(offer)}`).join('\n')}
t tune --engine = n
t tune --engine =
t tune --packing --pack
t tune --data with`;
  const found = execFileSync('bash', ['--norc', '-c', program], { cwd: folder, encoding: 'utf8' }).split('\n');
  for (const [i, { line, names }] of offers.entries()) {
    const offered = (found[i] ?? '').split(' ').filter((name) => name !== '');
    if (names !== null) assert.deepEqual(offered.sort(), [...names], line);
  }
  assert.deepEqual(found.slice(offers.length, offers.length + 4), [
    'native',
    'auto native ort reference',
    '',
    'with space',
  ]);
});

test('fish offers commands, options, values and files', { skip: without('fish') }, async () => {
  const file = await scriptOf('fish');
  for (const { line, names } of offers) {
    const program = `source ${file}; complete -C ${JSON.stringify(`tuneloop ${line}`)}`;
    const out = execFileSync('fish', ['--no-config', '-c', program], { cwd: folder, encoding: 'utf8' });
    const offered = out.split('\n').flatMap((text) => (text === '' ? [] : [text.split('\t')[0] ?? '']));
    if (names !== null) assert.deepEqual(offered.sort(), [...names], line);
  }
});

for (const { shell, args, begin } of [
  { shell: 'bash', args: '--norc --noprofile -i', begin: 'PS1=; ' },
  { shell: 'zsh', args: '-f -i', begin: 'PS1=; autoload -Uz compinit; compinit -D; ' },
]) {
  // util-linux's script gives the shell a terminal.
  const skip = process.platform === 'linux' ? without(shell, 'script') : 'no terminal without util-linux';
  test(`at a terminal ${shell} completes what is typed`, { skip }, async () => {
    const file = await scriptOf(shell);
    const typed = [
      `${begin}tuneloop() { printf '<%s>\\n' "$*"; }; source ${file}`,
      'tuneloop tune --eng\t na\t',
      'tuneloop tune --engine=refe\t --adapter.useD\t',
      'tuneloop tune --data other\t --lora-r 4 --pack\t',
      'tuneloop surgery av\t --qui\t',
      'exit',
      '',
    ].join('\n');
    const out = execFileSync('script', ['-qec', `${shell} ${args}`, '/dev/null'], {
      cwd: folder,
      input: typed,
      encoding: 'utf8',
      timeout: 30_000,
    });
    const ran = [...out.matchAll(/^<(.*)>\r?$/gm)].map(([, words = '']) => words.replaceAll(/ +/g, ' ').trim());
    assert.deepEqual(ran, [
      'tune --engine native',
      'tune --engine=reference --adapter.useDora',
      'tune --data other.txt --lora-r 4 --packing',
      'surgery average --quiet',
    ]);
  });
}

test('every command, option and field of the config is in it', async () => {
  const all = await places(commands);
  assert.deepEqual(
    all.filter(({ words }) => words !== '' && !words.includes(' ')).map(({ words }) => words),
    commands.map(({ name }) => name),
  );
  const tune =
    all.find(({ words }) => words === 'tune')?.options.map(({ name }) => name.replace(/^--(no-)?/, '')) ?? [];
  for (const { path } of configFields) assert.ok(tune.includes(path), path);
  for (const { words, options } of all)
    for (const { name, description } of options) assert.ok(description, `${words} ${name}`);
});

test('another shell is refused by name', async () => {
  const { code, err } = await runCli(['completion', 'bahs']);
  assert.deepEqual(
    [code, err],
    [2, 'tuneloop: --shell: expected bash, zsh, fish but found bahs. Did you mean bash?\n'],
  );
});
