import { isRecord } from '../hub/json.ts';
import type { RecipeUse } from '../papers/use.ts';
import { aliases } from './tuneOptions.ts';

const shortNames = new Map(Object.entries(aliases).map(([name, path]) => [path, name]));

/** The options that set what a part of a config says. */
function optionsOf(value: unknown, path: string): string[] {
  if (isRecord(value))
    return Object.entries(value).flatMap(([key, each]) => optionsOf(each, path === '' ? key : `${path}.${key}`));
  const text = Array.isArray(value) ? value.join(',') : String(value);
  return [`--${shortNames.get(path) ?? path} ${text}`];
}

/** A method as commands on a model and data of one's own. */
export function useText({ config, probe, surgery }: RecipeUse): string {
  return [
    ...(config ? [`tuneloop tune ${optionsOf(config, '').join(' ')} …`] : []),
    ...(probe ? [`tuneloop probe ${probe.type} --before M --after RUN`] : []),
    ...(surgery
      ? [`tuneloop surgery ${surgery.type} --base M --models ${surgery.models.most === 1 ? 'RUN' : 'RUN…'} --out DIR`]
      : []),
  ].join('; ');
}
