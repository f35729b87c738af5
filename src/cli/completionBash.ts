import { type Place, sameValues, type Values } from './completionPlaces.ts';

const quoted = (text: string): string => `'${text.replaceAll("'", String.raw`'\''`)}'`;
const lines = (words: readonly string[]): string => quoted(words.join('\n'));

/** What a shell variable holds for values: their list, or a mark. */
const held = (values: Values): string => (typeof values === 'string' ? quoted(`@${values}`) : lines(values));

function branch({ words, commands, options, bare }: Place): string {
  const shown = options.filter(({ long }) => !long);
  const names = [...commands, ...shown].map(({ name }) => name);
  const all = options.map(({ name }) => name);
  const values = sameValues(options).map(
    ([{ values, many }, same]) => `        ${same.join('|')}) value=${held(values)}${many ? ' many=1' : ''} ;;\n`,
  );
  return `    ${quoted(words)})
      names=${lines(names)} all=${lines(all)}
${bare === undefined ? '' : `      bare=${held(bare)}\n`}      case $option in
${values.join('')}      esac ;;
`;
}

/** Completion for bash 3.2 and newer. */
export function bashScript(places: readonly Place[]): string {
  const known = places.filter(({ words }) => words !== '').map(({ words }) => quoted(words));
  return `# Completes tuneloop in bash; printed by \`tuneloop completion bash\`.
_tuneloop() {
  local cur=\${COMP_WORDS[COMP_CWORD]} place= option= gap=0 names= all= value= bare= many= what= word used i
  local IFS=$'\\n'
  COMPREPLY=()
  # bash takes --name=value for three words.
  [[ $cur == = ]] && cur=
  for ((i = 1; i < COMP_CWORD; i++)); do
    [[ \${COMP_WORDS[i]} == help && -z $place ]] && continue
    case "\${place:+$place }\${COMP_WORDS[i]}" in
      ${known.join('|')}) place="\${place:+$place }\${COMP_WORDS[i]}" ;;
      *) break ;;
    esac
  done
  for ((i = COMP_CWORD - 1; i > 0; i--)); do
    [[ \${COMP_WORDS[i]} == --* ]] && option=\${COMP_WORDS[i]} && break
    [[ \${COMP_WORDS[i]} == = ]] || ((gap++))
  done
  case $place in
${places.map(branch).join('')}  esac
  if [[ $cur != -* ]]; then
    what=$bare
    [[ -n $value && ($gap -eq 0 || -n $many) ]] && what=$value
  fi
  case $what in
    '') ;;
    @files) compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- "$cur")); return ;;
    @anything) return ;;
    *) COMPREPLY=($(compgen -W "$what" -- "$cur")); return ;;
  esac
  [[ $cur == *.* ]] && names=$all
  for word in $(compgen -W "$names" -- "$cur"); do
    for used in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
      [[ $used == "$word" ]] && continue 2
    done
    COMPREPLY+=("$word")
  done
}
complete -F _tuneloop tuneloop
`;
}
