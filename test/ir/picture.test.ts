import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gradients } from '../../src/ir/grad.ts';
import { buildGraph, type Node, parameter, type Value } from '../../src/ir/graph.ts';
import * as ir from '../../src/ir/index.ts';
import { drawGraph } from '../../src/ir/picture.ts';
import { layOut } from '../../src/ir/pictureLayout.ts';
import { type Place, placeNodes } from '../../src/ir/places.ts';
import { printGraph } from '../../src/ir/print.ts';

/** Four equal blocks and a head, the nodes of each block placed. */
function stack(names = ['net.0', 'net.1', 'net.2', 'net.3']) {
  const places = new Map<Node, Place>();
  let x = ir.input('x', 'f32', [2, 4]);
  const weights = names.map((name) => parameter(`${name}.w`, [4, 4]));
  names.forEach((block, i) => {
    const product = ir.linear(x, weights[i] as Value);
    const y = ir.add(ir.tanh(product), x);
    places.set(product.node, { block, module: `${block}.w <&>` });
    for (const node of [y.node, y.node.inputs[0]?.node]) if (node) places.set(node, { block, module: block });
    x = y;
  });
  const loss = ir.sum(ir.mul(x, x));
  const found = gradients(loss, weights);
  const graph = buildGraph({
    loss,
    ...Object.fromEntries(found.map((gradient, i) => [`gradient of ${names[i]}.w`, gradient])),
  });
  return { graph, places: placeNodes(graph, places, loss) };
}

/** Every tag is closed in the order in which it was opened. */
function assertWellFormed(svg: string): void {
  const open: string[] = [];
  for (const [, closing, name, rest] of svg.matchAll(/<(\/?)([a-z]+)([^>]*)>/g)) {
    if (closing === '/') assert.equal(open.pop(), name);
    else if (rest?.endsWith('/') !== true) open.push(name ?? '');
  }
  assert.deepEqual(open, []);
  assert.doesNotMatch(svg.replaceAll(/&(amp|lt|gt|quot);/g, ''), /&/);
}

test('every node stands in the forward or the backward pass of a block', () => {
  const { graph, places } = stack();
  for (const node of graph.nodes) {
    if (node.op.name === 'leaf') assert.equal(places.get(node), undefined);
    else assert.ok(places.get(node), node.op.name);
  }
  const weightGradients = [...graph.outputs].flatMap(([name, { node }]) => (name === 'loss' ? [] : [places.get(node)]));
  assert.ok(weightGradients.every((place) => place?.phase === 'backward'));
  const blocks = new Set([...places.values()].filter(({ phase }) => phase === 'backward').map(({ block }) => block));
  assert.ok(blocks.has('net.0') && blocks.has('net.3'), [...blocks].join());
});

test('a picture is one well-formed file, light and dark, in which equal blocks are drawn once', () => {
  const { graph, places } = stack();
  const svg = drawGraph(graph, { title: 'a <small> & "quoted" net', places });
  assertWellFormed(svg);
  assert.doesNotMatch(svg.replace('http://www.w3.org/2000/svg', ''), /https?:|url\(|<script|<image|href/);
  assert.match(svg, /prefers-color-scheme: dark/);
  assert.match(svg, />net\.2: as net\.1</);
  assert.match(svg, />→ loss</);
  assert.match(svg, />net\.0, gradients</);
  assert.match(svg, /1 value, 32 B/, 'what passes between blocks is said');
});

test('a graph without places is drawn as one card', () => {
  const { graph } = stack(['a']);
  const svg = drawGraph(graph, { title: 'one', places: placeNodes(graph, new Map()) });
  assertWellFormed(svg);
  assert.match(svg, /outside the model/);
  assert.doesNotMatch(svg, /gradients</);
});

test('a graph is printed under its places', () => {
  const { graph, places } = stack(['a']);
  const text = printGraph(graph, (node) => places.get(node)?.module);
  assert.match(text, /# a\.w <&>\n%\d+ f32\[2, 4\] = linear/);
  assert.match(text, /# outside the model\n%\d+ f32\[2, 4\] = mul/);
  assert.doesNotMatch(printGraph(graph), /#/);
});

test('a box that reads nothing of its card stands right above its first reader', () => {
  const plain = { composite: false, module: '', type: 'f32[2]', leaves: [], outputs: [] };
  const box = (op: string, reads: readonly number[]) => ({ ...plain, op, reads });
  const boxes = [box('first', []), box('joined', []), box('second', [0]), box('third', [2, 1]), box('loose', [])];
  const { boxes: placed } = layOut({ block: 'net.0', phase: 'forward', boxes });
  const [first, joined, second, third, loose] = placed.map(({ y }) => y);
  assert.equal(joined, second);
  assert.equal(loose, first);
  assert.ok((third ?? 0) > (second ?? 0));
});
