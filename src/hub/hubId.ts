/** What `org/name`, `org/name@revision` and `org/name/file` mean on the Hugging Face hub. */
export interface HubId {
  /** org/name. */
  readonly id: string;
  /** Branch, tag or commit; main unless given. */
  readonly revision: string;
  /** One file of the repository, where the text names one. */
  readonly file?: string;
}

const part = /^(?![-.])[A-Za-z0-9._-]{1,96}(?<![-.])$/;

/** Whether a name from outside may be joined to a folder: relative, below it, no separators or drives of other systems. */
export const isSafeName = (name: string): boolean =>
  name.split('/').every((piece) => piece !== '' && piece !== '.' && piece !== '..') && !/[\\:\0]/.test(name);

/** The id in a text; undefined where it cannot be one. */
export function parseHubId(text: string): HubId | undefined {
  const at = text.indexOf('@');
  const path = at < 0 ? text : text.slice(0, at);
  const revision = at < 0 ? 'main' : text.slice(at + 1);
  const [org = '', name = '', ...rest] = path.split('/');
  const fits = [org, name].every((piece) => part.test(piece) && !/--|\.\./.test(piece)) && !name.endsWith('.git');
  if (!fits || !isSafeName(revision)) return undefined;
  const id = `${org}/${name}`;
  if (rest.length === 0) return { id, revision };
  const file = rest.join('/');
  return isSafeName(file) ? { id, revision, file } : undefined;
}

/** The text that `parseHubId` reads. */
export function formatHubId({ id, revision, file }: HubId): string {
  return `${id}${file === undefined ? '' : `/${file}`}${revision === 'main' ? '' : `@${revision}`}`;
}

/** The id and commit of a folder in the hub's cache, …/models--org--name/snapshots/COMMIT; undefined for any other. */
export function hubIdOfSnapshot(path: string): HubId | undefined {
  const [folder, snapshots, commit = ''] = path
    .replace(/[/\\]+$/, '')
    .split(/[/\\]/)
    .slice(-3);
  const [, id] = /^(?:models|datasets)--(.+)$/.exec(folder ?? '') ?? [];
  if (id === undefined || snapshots !== 'snapshots' || !/^[0-9a-f]{40}$/.test(commit)) return undefined;
  return { id: id.replace('--', '/'), revision: commit };
}

/** The repository on the hub that a text names, as an id or as a folder of the hub's cache; undefined where it names none. Any path must be absolute. */
export const repositoryOf = (text: string): string | undefined => hubIdOfSnapshot(text)?.id ?? parseHubId(text)?.id;

/** What others call a model: its id where it lies in the hub's cache, else its path. */
export const modelName = (path: string): string => hubIdOfSnapshot(path)?.id ?? path;
