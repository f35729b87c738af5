import { isBuiltin } from 'node:module';
import { dirname, relative, resolve, sep } from 'node:path';

/** The layers of src/ from the top: a folder imports only from rows above its own, never from its neighbours on the row. */
export const layers: readonly (readonly string[])[] = [
  ['ir'],
  ['runtime'],
  ['nn'],
  ['hub'],
  ['adapters', 'objectives', 'optimizers', 'data', 'rewards', 'worlds'],
  ['probes', 'surgery'],
  ['loop'],
  ['papers'],
  ['cli', 'serve'],
];

/** The only places of src/ that may import Node's own modules and native packages. */
const nodePlaces = /^(runtime\/node|hub\/files[^/]*\.ts$|hub\/node\/|cli\/|serve\/)/;
const nativePackages = new Set(['koffi']);

/** What is wrong with a file at `from` (a path below the root, with slashes) importing `specifier`; undefined when nothing is. */
export function violation(from: string, specifier: string): string | undefined {
  const [top, folder = '', ...rest] = from.split('/');
  if (top !== 'src') return undefined;
  if (!specifier.startsWith('.')) {
    const native = isBuiltin(specifier) || nativePackages.has(specifier);
    if (!native || nodePlaces.test(from.slice('src/'.length))) return undefined;
    return `${specifier} may be imported only in src/runtime/node*, src/hub/files*.ts, src/hub/node/, src/cli/ and src/serve/.`;
  }
  const target = resolve('/', dirname(from), specifier).split(/[\\/]/).slice(1);
  if (target[0] !== 'src') return `src/ may not import ${target.join('/')}, which lies outside of it.`;
  if (rest.length === 0) return undefined;
  const own = row(folder);
  if (own < 0) return `src/${folder}/ is not a layer; name it in tools/lint/layers.ts.`;
  const imported = target[1] ?? '';
  if (imported === folder) return undefined;
  const theirs = target.length > 2 ? row(imported) : -1;
  if (theirs < 0) return `src/${folder}/ may not import ${target.join('/')}, which is no layer.`;
  if (theirs < own) return undefined;
  return `src/${folder}/ may not import src/${imported}/, which lies ${theirs === own ? 'beside' : 'below'} it.`;
}

function row(folder: string): number {
  return layers.findIndex((names) => names.includes(folder));
}

interface Source {
  readonly type: string;
  readonly value?: unknown;
}

interface Context {
  readonly filename: string;
  readonly cwd: string;
  report(problem: { message: string; node: Source }): void;
}

/** The lint plugin: its one rule, `house/layers`, looks at every import, re-export and import type. */
const plugin = {
  meta: { name: 'house' },
  rules: {
    layers: {
      create(context: Context) {
        const from = relative(context.cwd, context.filename).split(sep).join('/');
        const check = ({ source }: { readonly source?: Source | null }) => {
          if (typeof source?.value !== 'string') return;
          const message = violation(from, source.value);
          if (message !== undefined) context.report({ message, node: source });
        };
        return {
          ImportDeclaration: check,
          ExportNamedDeclaration: check,
          ExportAllDeclaration: check,
          ImportExpression: check,
          TSImportType: check,
        };
      },
    },
  },
};
// oxlint-disable-next-line import/no-default-export -- a lint plugin is its module's default export
export default plugin;
