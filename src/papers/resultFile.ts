import type { Paper } from './catalogue.ts';

type Named = Pick<Paper, 'number' | 'slug'>;

const plain = (name: string): string => name.toLowerCase().replaceAll(/[^a-z0-9._-]+/g, '-');

/** What a paper's result on a model is called: 092-dft on the recipe's own, 092-dft.smollm2-135m on another. */
export const resultName = ({ number, slug }: Named, otherModel?: string): string =>
  `${number}-${slug}${otherModel === undefined ? '' : `.${plain(otherModel)}`}`;

/** The files of a paper's results among those of a folder, that on the recipe's own model first. */
export function resultFiles(files: readonly string[], paper: Named): string[] {
  const own = `${resultName(paper)}.json`;
  const others = files.filter((name) => name.startsWith(`${resultName(paper)}.`) && name !== own);
  return [...files.filter((name) => name === own), ...others.toSorted()];
}
