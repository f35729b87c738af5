import { at, buildGraph, type Graph, input, type Value } from './graph.ts';
import { reshape } from './ops/reshape.ts';
import { split } from './ops/split.ts';
import { stack } from './ops/stack.ts';
import { substitute } from './substitute.ts';

/**
 * A program that does `count` updates in one run: forward, gradient and update, unrolled, so it grows with the count. What
 * an update writes in place (weights, optimizer state) is threaded to the next inside the program and written once, at the
 * end; every other output comes stacked, [count, …]. The fed leaves in `perUpdate` are fed stacked as well, the rest is the
 * same for all updates. Throws RangeError on a count below 1 and on a name in `perUpdate` that is not such a leaf.
 */
export function repeatUpdates(graph: Graph, count: number, perUpdate: readonly string[] = []): Graph {
  if (!Number.isInteger(count) || count < 1) throw new RangeError(`Expected a count of at least 1 but found ${count}`);
  const threaded = new Set(graph.inPlace.values());
  const leafOf = new Map(graph.leaves.map((leaf) => [leaf.name, leaf]));
  const sliced = perUpdate.map((name): [Value, readonly Value[]] => {
    const leaf = leafOf.get(name);
    if (leaf?.kind !== 'input' || threaded.has(name)) {
      const fed = graph.leaves.filter(({ kind, name: other }) => kind === 'input' && !threaded.has(other));
      throw new RangeError(
        `Expected one of ${fed.map((other) => other.name).join(', ') || 'no names'} as fed per update but found ${name}`,
      );
    }
    const { dtype, shape } = leaf.type;
    const pieces = split(
      input(name, dtype, [count, ...shape]),
      0,
      Array.from({ length: count }, () => 1),
    );
    return [leaf.value, pieces.map((piece) => reshape(piece, shape))];
  });
  const names = [...graph.outputs.keys()];
  const results = [...graph.outputs.values()];
  /** What each threaded leaf holds before the update that comes next. */
  const state = new Map<Value, Value>();
  const taken = new Map<string, Value[]>(names.map((name) => [name, []]));
  for (let update = 0; update < count; update++) {
    const now = new Map(state);
    for (const [leaf, pieces] of sliced) now.set(leaf, at(pieces, update));
    substitute(results, now).forEach((value, i) => {
      const name = at(names, i);
      taken.get(name)?.push(value);
      const leaf = leafOf.get(graph.inPlace.get(name) ?? '');
      if (leaf) state.set(leaf.value, value);
    });
  }
  const outputs = names.map((name): [string, Value] => {
    const values = taken.get(name) ?? [];
    return [name, graph.inPlace.has(name) ? at(values, count - 1) : stack(values)];
  });
  return buildGraph(Object.fromEntries(outputs), { inPlace: Object.fromEntries(graph.inPlace) });
}
