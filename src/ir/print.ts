import { type Graph, isLeaf, leafAttrs, type Node, type Value } from './graph.ts';
import type { Attrs } from './op.ts';
import { formatType } from './types.ts';

const longest = 60;

function formatAttr(value: unknown): string {
  if (value instanceof Float64Array) {
    return value.length <= 4 ? `[${value.join(', ')}]` : `[${value.slice(0, 3).join(', ')}, … ${value.length}]`;
  }
  if (Array.isArray(value)) {
    const text = `[${value.map((item) => (typeof item === 'object' ? '…' : String(item))).join(', ')}]`;
    return text.length <= longest ? text : `${text.slice(0, longest)}…]`;
  }
  return String(value);
}

function formatAttrs(attrs: Attrs): string {
  const parts = Object.entries(attrs).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}: ${formatAttr(value)}`],
  );
  return parts.length === 0 ? '' : ` {${parts.join(', ')}}`;
}

/**
 * A graph as text, one node a line in the order of execution: `%3 f32[2, 4] = linear(%1, %2, -) {scale: 1}`. Leaves stand
 * first with their names, outputs last; `-` is an optional input that is left out. With `placeOf` a comment line names each
 * place where it begins.
 */
export function printGraph(graph: Graph, placeOf?: (node: Node) => string | undefined): string {
  const names = new Map<Value, string>();
  const lines: string[] = [];
  const nameOf = (value: Value): string => {
    const known = names.get(value);
    if (known !== undefined) return known;
    const name = `%${names.size}`;
    names.set(value, name);
    return name;
  };
  let place: string | undefined;
  for (const node of graph.nodes) {
    const here = isLeaf(node) ? place : placeOf?.(node);
    if (here !== place) lines.push(`# ${here === '' || here === undefined ? 'outside the model' : here}`);
    place = here;
    const left = node.outputs.map((output) => `${nameOf(output)} ${formatType(output.type)}`).join(', ');
    if (isLeaf(node)) {
      const { kind, name } = leafAttrs(node);
      lines.push(`${left} = ${kind} ${JSON.stringify(name)}`);
      continue;
    }
    const operands = node.inputs.map((input) => (input ? nameOf(input) : '-')).join(', ');
    lines.push(`${left} = ${node.op.name}(${operands})${formatAttrs(node.attrs)}`);
  }
  for (const [name, value] of graph.outputs) {
    const leaf = graph.inPlace.get(name);
    lines.push(
      `return ${JSON.stringify(name)} = ${nameOf(value)}${leaf === undefined ? '' : ` over ${JSON.stringify(leaf)}`}`,
    );
  }
  return `${lines.join('\n')}\n`;
}
