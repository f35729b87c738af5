import { named } from '../ir/errors.ts';
import { originsOf } from '../ir/origins.ts';
import { at, type Graph, input, isLeaf, leafAttrs, type Node, topologicalOrder, type Value } from '../ir/graph.ts';
import { type Dense, formatType, sameType } from '../ir/types.ts';

/** Evaluates nodes in f64. A composite runs its decomposition, so the primitives alone decide. */
export function evaluateNode(node: Node, inputs: readonly (Dense | null)[]): readonly Dense[] {
  if (node.op.reference) return node.op.reference(inputs, node.attrs);
  if (!node.op.decompose) throw new TypeError(`${node.op.name} has neither a reference nor a decomposition`);
  const placeholders = inputs.map(
    (operand, index) => operand && input(`operand ${index}`, operand.dtype, operand.shape),
  );
  const env = new Map<Value, Dense>();
  placeholders.forEach((placeholder, index) => {
    const operand = inputs[index];
    if (placeholder && operand) env.set(placeholder, operand);
  });
  return evaluateValues(node.op.decompose(placeholders, node.attrs), env);
}

/** Values from the values in `env`, in f64. */
export function evaluateValues(
  values: readonly Value[],
  env: Map<Value, Dense>,
  originOf: (node: Node) => string = ({ op }) => op.name,
): Dense[] {
  for (const node of topologicalOrder(values)) {
    if (node.outputs.every((output) => env.has(output))) continue;
    if (isLeaf(node)) throw new RangeError(`Expected a value for ${leafAttrs(node).name} but found none`);
    const operands = node.inputs.map((value) => value && resolve(env, value));
    const results = named(originOf(node), () => evaluateNode(node, operands));
    node.outputs.forEach((output, index) => {
      const result = at(results, index);
      if (!sameType(result, output.type)) {
        throw new TypeError(
          `${node.op.name}: expected ${formatType(output.type)} by its shape rule but found ${formatType(result)}`,
        );
      }
      env.set(output, result);
    });
  }
  return values.map((value) => resolve(env, value));
}

function resolve(env: ReadonlyMap<Value, Dense>, value: Value): Dense {
  const found = env.get(value);
  if (!found) throw new RangeError(`Expected a value of ${value.node.op.name} but found none`);
  return found;
}

/** A whole graph in f64, by names. Throws RangeError on a missing leaf and TypeError on one of another type. */
export function evaluate(graph: Graph, leaves: Readonly<Record<string, Dense>>): Record<string, Dense> {
  const env = new Map<Value, Dense>();
  for (const { name, type, value } of graph.leaves) {
    const given = leaves[name];
    if (!given) throw new RangeError(`Expected a value for ${name} but found none`);
    if (!sameType(given, type))
      throw new TypeError(`Expected ${formatType(type)} for ${name} but found ${formatType(given)}`);
    env.set(value, given);
  }
  const names = [...graph.outputs.keys()];
  const results = evaluateValues([...graph.outputs.values()], env, originsOf(graph));
  return Object.fromEntries(names.map((name, index) => [name, at(results, index)]));
}
