import { readFile } from 'node:fs/promises';
import * as nodeModule from 'node:module';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { codeOf, createHash, fileError } from './files.ts';

/** A function that somebody wrote in a module of theirs; `sha256` is of that file alone, not of what it imports. */
export interface UserFunction {
  readonly path: string;
  readonly sha256: string;
  readonly call: (...values: readonly unknown[]) => unknown;
}

/** SHA-256 of a module's file. */
export async function moduleHash(path: string): Promise<string> {
  try {
    return createHash('sha256')
      .update(await readFile(path))
      .digest('hex');
  } catch (cause) {
    throw fileError('read', path, cause);
  }
}

/** The entry point of this package that `tuneloop` or `tuneloop/PART` names. */
function ownEntry(specifier: string): string | undefined {
  const [, part = 'index'] = /^tuneloop(?:\/(\w+))?$/.exec(specifier) ?? [];
  const ending = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  return specifier.startsWith('tuneloop') ? new URL(`../${part}.${ending}`, import.meta.url).href : undefined;
}

/** Lets modules import `tuneloop` where it is not installed beside them, as under npx; ends with `deregister`. On a Node without the hooks they need it beside them. */
function resolveOwnName(): { deregister(): void } {
  if (!('registerHooks' in nodeModule)) return { deregister: () => {} };
  return nodeModule.registerHooks({
    resolve(specifier, context, next) {
      const own = ownEntry(specifier);
      if (own === undefined) return next(specifier, context);
      try {
        return next(specifier, context);
      } catch {
        return { url: own, shortCircuit: true };
      }
    },
  });
}

/** What a module of the user exports. Error that names it where it cannot be run. */
export async function importModule(path: string): Promise<Readonly<Record<string, unknown>>> {
  const hooks = resolveOwnName();
  try {
    return (await import(pathToFileURL(resolve(path)).href)) as Record<string, unknown>;
  } catch (cause) {
    if (codeOf(cause) === 'ERR_UNKNOWN_FILE_EXTENSION' && /\.[mc]?ts$/.test(path))
      throw new Error(
        `${path}: this Node (${process.version}) does not run TypeScript; Node 22.18 does, or give JavaScript (.js, .mjs)`,
        { cause },
      );
    throw new Error(`${path}: the module cannot be loaded: ${cause instanceof Error ? cause.message : String(cause)}`, {
      cause,
    });
  } finally {
    hooks.deregister();
  }
}

/** Loads the function that a module exports by a name, or as its default. Error that names the module where it cannot be run or exports none. */
export async function loadFunction(path: string, name: string): Promise<UserFunction> {
  const sha256 = await moduleHash(path);
  const exported = await importModule(path);
  const found = exported[name] ?? exported['default'];
  if (typeof found !== 'function')
    throw new TypeError(
      `${path}: expected a function exported as ${name} or by default but found ${Object.keys(exported).join(', ') || 'no export'}`,
    );
  return { path, sha256, call: (...values) => (found as (...all: readonly unknown[]) => unknown)(...values) };
}
