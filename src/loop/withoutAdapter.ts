import { programCache } from './programCache.ts';
import type { ReadyModel } from './readyModel.ts';

/** The same model, its weights held once, as it is without its adapter; closing it leaves the other open. */
export function withoutAdapter(loaded: ReadyModel): ReadyModel & { readonly attached: undefined } {
  const programs = programCache(loaded.engine, loaded.store);
  return { ...loaded, attached: undefined, programs, close: async () => programs.release() };
}
