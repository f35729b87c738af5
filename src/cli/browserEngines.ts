import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { ortWebFiles, ortWebVersion } from '../runtime/web/ort-web.ts';

/** The folder of onnxruntime-web's files; undefined where it is not installed. */
function ortWebFolder(from: string): string | undefined {
  try {
    return dirname(createRequire(from).resolve('onnxruntime-web'));
  } catch {
    return undefined;
  }
}

/** Whether the files of the engines that run in a page are there, seen from a module: a sentence. */
export function browserEngines(from: string): string {
  const folder = ortWebFolder(from);
  if (folder === undefined)
    return `engines for browsers: need onnxruntime-web, which is not installed (npm install onnxruntime-web@${ortWebVersion})`;
  const { version } = JSON.parse(readFileSync(join(folder, '../package.json'), 'utf8')) as { version: string };
  if (version !== ortWebVersion)
    return `engines for browsers: need onnxruntime-web ${ortWebVersion} but ${version} is installed`;
  const missing = Object.values(ortWebFiles)
    .flat()
    .filter((file) => !existsSync(join(folder, file)));
  return missing.length > 0
    ? `engines for browsers: onnxruntime-web lacks ${missing.join(', ')}`
    : `engines for browsers: ${Object.keys(ortWebFiles).join(' and ')}, onnxruntime-web ${version}; they are tested where they run`;
}
