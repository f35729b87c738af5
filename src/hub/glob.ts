/** Whether a text has the marks of a pattern. */
export const isGlob = (text: string): boolean => /[*?[{]/.test(text);

/** A pattern as a shell has it: `*` and `?` within a folder, `**` over folders, `[ab]`, `{a,b}`; hidden files are matched as any. */
export function globPattern(pattern: string): RegExp {
  let source = '';
  let braces = 0;
  for (let i = 0; i < pattern.length; i++) {
    const char = pattern[i] ?? '';
    if (char === '*') {
      const deep = pattern[i + 1] === '*';
      if (deep && pattern[i + 2] === '/') {
        source += '(?:[^/]+/)*';
        i += 2;
      } else if (deep) {
        source += '.*';
        i++;
      } else source += '[^/]*';
    } else if (char === '?') source += '[^/]';
    else if (char === '[' && pattern.indexOf(']', i + 2) > 0) {
      const end = pattern.indexOf(']', i + 2);
      const inner = pattern.slice(i + 1, end).replace(/[\\\]]/g, '\\$&');
      source += `[${inner.startsWith('!') ? `^/${inner.slice(1)}` : inner.replace(/^\^/, '\\^')}]`;
      i = end;
    } else if (char === '{' && pattern.includes('}', i)) {
      source += '(?:';
      braces++;
    } else if (char === '}' && braces > 0) {
      source += ')';
      braces--;
    } else if (char === ',' && braces > 0) source += '|';
    else source += char.replace(/[\\^$.|+()[\]{}]/g, '\\$&');
  }
  return new RegExp(`^${source}$`, 'u');
}
