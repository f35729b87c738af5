import { type CompletedOption, type Place } from './completionPlaces.ts';

const quoted = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", String.raw`\'`)}'`;

function valueWords({ values }: CompletedOption): string {
  if (values === undefined) return '';
  if (values === 'files') return ' -r -F';
  return values === 'anything' ? ' -x' : ` -x -a ${quoted(values.join(' '))}`;
}

function linesOf({ words, commands, options, bare }: Place): string[] {
  const at = `__tuneloop_at ${quoted(words)}`;
  const line = (condition: string, rest: string): string => `complete -c tuneloop -n ${quoted(condition)} ${rest}`;
  const after = (names: readonly string[]): string => `${at}; and __tuneloop_after ${names.join(' ')}`;
  const repeated = options.filter(({ many }) => many);
  const files = repeated.filter(({ values }) => values === 'files').map(({ name }) => name);
  return [
    ...commands.map(({ name, summary }) => line(at, `-a ${name} -d ${quoted(summary)}`)),
    ...options.map((option) =>
      line(
        option.long ? `${at}; and __tuneloop_dotted` : at,
        `-l ${option.name.slice(2)}${valueWords(option)} -d ${quoted(option.description)}`,
      ),
    ),
    ...(files.length === 0 ? [] : [line(after(files), '-F')]),
    ...repeated.flatMap(({ name, values }) =>
      typeof values === 'object' ? [line(after([name]), `-a ${quoted(values.join(' '))}`)] : [],
    ),
    ...(bare === undefined ? [] : [line(at, bare === 'files' ? '-F' : `-a ${quoted([bare].flat().join(' '))}`)]),
  ];
}

/** Completion for fish. */
export function fishScript(places: readonly Place[]): string {
  const known = places.filter(({ words }) => words !== '').map(({ words }) => quoted(words));
  return `# Completes tuneloop in fish; printed by \`tuneloop completion fish\`.
function __tuneloop_at
    set -l place
    for word in (commandline -opc)[2..-1]
        test "$word" = help -a -z "$place"; and continue
        switch (string join -- ' ' $place $word)
            case ${known.join(' ')}
                set -a place $word
            case '*'
                break
        end
    end
    test "$place" = "$argv[1]"
end
function __tuneloop_dotted
    string match -q '*.*' -- (commandline -ct)
end
function __tuneloop_after
    set -l options (commandline -opc | string match -- '--*')
    set -q options[1]; and contains -- $options[-1] $argv
end
complete -c tuneloop -f
${places.flatMap(linesOf).join('\n')}
`;
}
