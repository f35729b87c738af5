import { build } from 'esbuild';
import { basename } from 'node:path';
import type { SiteEntry } from './server.ts';

/** Bundles modules for a browser, each with all that it imports, under `/` and its own name. Throws on modules of Node in it. */
export async function bundle(files: readonly string[]): Promise<Record<string, SiteEntry>> {
  const { outputFiles } = await build({
    entryPoints: [...files],
    bundle: true,
    write: false,
    outdir: '/',
    format: 'esm',
    platform: 'browser',
    target: 'es2023',
    logLevel: 'silent',
  });
  return Object.fromEntries(outputFiles.map(({ path, contents }) => [`/${basename(path)}`, { bytes: contents }]));
}
