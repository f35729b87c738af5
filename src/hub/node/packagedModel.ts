import { fileURLToPath } from 'node:url';

/** Folder of the model that ships with the package under this name, if one does. */
export const packagedModel = (name: string): string | undefined =>
  name === 'nano' ? fileURLToPath(new URL('../../../assets/nano', import.meta.url)) : undefined;
