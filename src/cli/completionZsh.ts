import { type Place, sameValues, type Values } from './completionPlaces.ts';

const quoted = (text: string): string => `'${text.replaceAll("'", String.raw`'\''`)}'`;
const array = (words: readonly string[]): string => `(${words.map(quoted).join(' ')})`;
const described = (name: string, text: string): string => `${name.replaceAll(':', String.raw`\:`)}:${text}`;

/** What a shell variable holds for values: their list, or a mark. */
const held = (values: Values): string => quoted(typeof values === 'string' ? `@${values}` : values.join('\n'));

function branch({ words, commands, options, bare }: Place): string {
  const names = options.filter(({ long }) => !long).map(({ name, description }) => described(name, description));
  const all = options.map(({ name, description }) => described(name, description));
  const values = sameValues(options).map(
    ([{ values, many }, same]) => `        (${same.join('|')}) value=${held(values)}${many ? '; many=1' : ''} ;;\n`,
  );
  return `    (${quoted(words)})
      names=${array([...commands.map(({ name, summary }) => described(name, summary)), ...names])}
      all=${array(all)}
${bare === undefined ? '' : `      bare=${held(bare)}\n`}      case $option in
${values.join('')}      esac ;;
`;
}

/** Completion for zsh, as a function of $fpath or sourced. */
export function zshScript(places: readonly Place[]): string {
  const known = places.filter(({ words }) => words !== '').map(({ words }) => quoted(words));
  return `#compdef tuneloop
# Completes tuneloop in zsh; printed by \`tuneloop completion zsh\`.
_tuneloop() {
  local cur=$words[CURRENT] place= option= value= bare= many= what= used
  local -i gap=0 i
  local -a names all offered
  for ((i = 2; i < CURRENT; i++)); do
    [[ $words[i] == help && -z $place ]] && continue
    case "\${place:+$place }$words[i]" in
      (${known.join('|')}) place="\${place:+$place }$words[i]" ;;
      (*) break ;;
    esac
  done
  if [[ $cur == --*=* ]]; then
    option=\${cur%%=*}
    cur=\${cur#*=}
    compset -P 1 '*='
  else
    for ((i = CURRENT - 1; i > 1; i--)); do
      [[ $words[i] == --* ]] && option=$words[i] && break
      gap+=1
    done
  fi
  case $place in
${places.map(branch).join('')}  esac
  if [[ $cur != -* ]]; then
    what=$bare
    [[ -n $value && ($gap -eq 0 || -n $many) ]] && what=$value
  fi
  case $what in
    ('') ;;
    (@files) _files; return ;;
    (@anything) return ;;
    (*) offered=(\${(f)what}); compadd -a offered; return ;;
  esac
  [[ $cur == *.* ]] && names=($all)
  for used in \${words[2,CURRENT-1]}; do names=(\${names:#\${(b)used}:*}); done
  _describe tuneloop names
}
if [[ $funcstack[1] == _tuneloop ]]; then _tuneloop "$@"; else compdef _tuneloop tuneloop; fi
`;
}
