import { fileURLToPath } from 'node:url';

/** Models that ship with the package: a language model and a classifier of images. */
const packaged: ReadonlySet<string> = new Set(['nano', 'nano-vit']);

/** Folder of the model that ships with the package under this name, if one does. */
export const packagedModel = (name: string): string | undefined =>
  packaged.has(name) ? fileURLToPath(new URL(`../../../assets/${name}`, import.meta.url)) : undefined;
