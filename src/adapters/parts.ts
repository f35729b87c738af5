import { type Sites, wrapSites } from '../nn/sites.ts';
import type { Adapter, AdapterContext, AdapterParameter, Merge } from './adapter.ts';

/** A piece of an adapter: trained tensors and what uses them. */
export interface AdapterPart extends Pick<Adapter, 'states' | 'replaces'> {
  readonly parameters: readonly AdapterParameter[];
  readonly wraps?: (context: AdapterContext) => Partial<Sites>;
  readonly merges: readonly Merge[];
}

/** Puts parts together; the wraps of the first are the outermost. */
export function combineParts(
  parts: readonly AdapterPart[],
): Required<Pick<Adapter, 'parameters' | 'states' | 'replaces' | 'sites'>> & { readonly merges: readonly Merge[] } {
  return {
    parameters: parts.flatMap(({ parameters }) => parameters),
    states: parts.flatMap(({ states }) => states ?? []),
    replaces: new Map(parts.flatMap(({ replaces }) => [...(replaces ?? [])])),
    sites: (context) =>
      parts.reduceRight((inner, { wraps }) => wrapSites(wraps?.(context) ?? {}, inner), wrapSites({})),
    merges: parts.flatMap(({ merges }) => merges),
  };
}
