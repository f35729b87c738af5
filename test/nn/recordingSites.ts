import { plainSites, type SiteKind, type Sites } from '../../src/nn/sites.ts';

/** Sites that compute as plain ones do and remember the modules that came to them. */
export function recordingSites(): { readonly sites: Sites; readonly of: (kind: SiteKind) => string[] } {
  const seen = new Map<SiteKind, string[]>();
  const sites = Object.fromEntries(
    (Object.keys(plainSites) as SiteKind[]).map((kind) => [
      kind,
      (operands: never, base: (given: never) => unknown, module: string) => {
        seen.set(kind, [...(seen.get(kind) ?? []), module]);
        return base(operands);
      },
    ]),
  ) as unknown as Sites;
  return { sites, of: (kind) => (seen.get(kind) ?? []).toSorted() };
}
