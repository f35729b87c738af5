import { fileURLToPath } from 'node:url';

/** Path of a file or folder that ships with the package. */
export const assetPath = (name: string): string => fileURLToPath(new URL(`../../assets/${name}`, import.meta.url));
