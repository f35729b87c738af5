import { isLeaf, type Node, topologicalOrder, type Value } from '../ir/graph.ts';
import type { Place } from '../ir/places.ts';
import type { LanguageModel } from './model.ts';
import { type Site, type SiteKind, type SiteOperands, type SiteResult, type Sites } from './sites.ts';

const isValue = (operand: unknown): operand is Value =>
  typeof operand === 'object' && operand !== null && 'node' in operand && 'type' in operand;

const valuesOf = (operands: SiteOperands[SiteKind]): Value[] => Object.values(operands).filter(isValue);

/** The sites, writing down of every node that a site makes which module it belongs to. */
function recording(sites: Sites, places: Map<Node, Place>): Sites {
  const modules = new Map<Node, string>();
  const made = (result: SiteResult<SiteKind>, operands: SiteOperands[SiteKind]): Node[] => {
    const given = new Set(valuesOf(operands).map(({ node }) => node));
    return topologicalOrder(isValue(result) ? [result] : valuesOf(result), (node) => given.has(node) || isLeaf(node));
  };
  const recorded =
    <K extends SiteKind>(kind: K, inner: Site<K>): Site<K> =>
    (operands, base, name) => {
      const result = inner(operands, base, name);
      // Sites nest: the innermost has named its nodes by the time the outer one returns.
      for (const node of made(result, operands)) {
        const module = modules.get(node) ?? name;
        modules.set(node, module);
        if (kind === 'block' || !places.has(node))
          places.set(node, { block: kind === 'block' ? name : module, module });
      }
      return result;
    };
  return Object.fromEntries(
    (Object.keys(sites) as SiteKind[]).map((kind) => [kind, recorded(kind, sites[kind] as Site<SiteKind>)]),
  ) as unknown as Sites;
}

/** The same model, whose nodes are written down in `places` when a graph of it is built. */
export function placedModel(model: LanguageModel): {
  readonly model: LanguageModel;
  readonly places: ReadonlyMap<Node, Place>;
} {
  const places = new Map<Node, Place>();
  return {
    model: { ...model, hidden: (inputs) => model.hidden({ ...inputs, sites: recording(inputs.sites, places) }) },
    places,
  };
}
