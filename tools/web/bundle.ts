import { build } from 'esbuild';
import { basename, join } from 'node:path';
import type { SiteEntry } from './server.ts';

const sources = join(import.meta.dirname, '..', '..', 'src');

/** Bundles modules for a browser, each with all that it imports, under `/` and its own name. Throws on modules of Node in it. */
export async function bundle(files: readonly string[]): Promise<Record<string, SiteEntry>> {
  const { outputFiles } = await build({
    entryPoints: [...files],
    bundle: true,
    write: false,
    outdir: '/',
    format: 'esm',
    platform: 'browser',
    // What the package's names mean to a browser.
    alias: { tuneloop: join(sources, 'anywhere.ts'), 'tuneloop/web': join(sources, 'web.ts') },
    target: 'es2023',
    logLevel: 'silent',
  });
  return Object.fromEntries(outputFiles.map(({ path, contents }) => [`/${basename(path)}`, { bytes: contents }]));
}
