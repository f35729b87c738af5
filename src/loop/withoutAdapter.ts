import type { LoadedModel } from './model.ts';
import { programCache } from './programCache.ts';

/** The same model, its weights held once, as it is without its adapter; closing it leaves the other open. */
export function withoutAdapter(loaded: LoadedModel): LoadedModel {
  const programs = programCache(loaded.engine, loaded.store);
  return { ...loaded, attached: undefined, programs, close: async () => programs.release() };
}
