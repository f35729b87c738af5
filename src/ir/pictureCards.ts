import { type Graph, isLeaf, leafAttrs, type Node, type Value } from './graph.ts';
import { constantOp } from './ops/constant.ts';
import type { Placed } from './places.ts';
import { formatType, sizeOf } from './types.ts';

/** A node as it is drawn. */
export interface Box {
  readonly op: string;
  readonly composite: boolean;
  /** The module, without the block's name. */
  readonly module: string;
  readonly type: string;
  /** Parameters and inputs that it reads, without the module's name. */
  readonly leaves: readonly string[];
  /** Outputs of the program that it gives. */
  readonly outputs: readonly string[];
  /** Boxes of the card that it reads, by index. */
  readonly reads: readonly number[];
}

export interface Card {
  readonly block: string;
  readonly phase: Placed['phase'];
  readonly boxes: readonly Box[];
}

/** Values that pass from one card to another. */
export interface Flow {
  readonly from: number;
  readonly to: number;
  readonly values: number;
  readonly bytes: number;
}

/** A row of the picture: a block's forward card and its backward card, and the blocks below that are drawn alike. */
export interface Row {
  readonly block: string;
  readonly forward: number | undefined;
  readonly backward: number | undefined;
  /** The blocks after this one with the same cards. */
  readonly like: readonly string[];
}

export interface Cards {
  readonly cards: readonly Card[];
  readonly rows: readonly Row[];
  readonly flows: readonly Flow[];
}

const bytesOf = ({ type }: Value): number =>
  sizeOf(type.shape) * (type.dtype === 'bool' || type.dtype === 'u8' ? 1 : 4);

const within = (name: string, prefix: string): string =>
  prefix !== '' && name.startsWith(`${prefix}.`) ? name.slice(prefix.length + 1) : name;

/** Reshapes show in the shapes around them, constants in nothing: neither is drawn. */
const isDrawn = (node: Node): boolean => !isLeaf(node) && node.op !== constantOp && node.op.name !== 'reshape';

/** The nodes that are drawn, or leaves, behind a value: reshapes are looked through. */
function behind({ node }: Value): Node {
  let found = node;
  while (found.op.name === 'reshape' && found.inputs[0]) found = found.inputs[0].node;
  return found;
}

/** Cuts a graph into cards by block and phase, and puts blocks of equal cards together. */
export function cardsOf(graph: Graph, places: ReadonlyMap<Node, Placed>): Cards {
  const members = new Map<string, { block: string; phase: Placed['phase']; nodes: Node[] }>();
  const cardOf = new Map<Node, string>();
  for (const node of graph.nodes) {
    const place = places.get(node);
    if (!place || !isDrawn(node)) continue;
    const key = `${place.phase} ${place.block}`;
    const card = members.get(key) ?? { block: place.block, phase: place.phase, nodes: [] };
    members.set(key, card);
    card.nodes.push(node);
    cardOf.set(node, key);
  }
  const keys = [...members.keys()];
  const outputs = new Map<Node, string[]>();
  for (const [name, value] of graph.outputs) {
    const node = behind(value);
    outputs.set(node, [...(outputs.get(node) ?? []), name]);
  }
  const flows = new Map<string, { from: number; to: number; values: Set<Value> }>();
  const cards = keys.map((key, to): Card => {
    const { block, phase, nodes } = members.get(key) ?? { block: '', phase: 'forward', nodes: [] };
    const index = new Map(nodes.map((node, i) => [node, i]));
    const boxes = nodes.map((node): Box => {
      const module = places.get(node)?.module ?? '';
      const reads = new Set<number>();
      const leaves = new Set<string>();
      for (const input of node.inputs) {
        if (!input) continue;
        const source = behind(input);
        const own = index.get(source);
        if (own !== undefined) reads.add(own);
        else if (isLeaf(source)) leaves.add(within(leafAttrs(source).name, module));
        else if (cardOf.has(source)) {
          const from = keys.indexOf(cardOf.get(source) ?? '');
          const flow = flows.get(`${from} ${to}`) ?? { from, to, values: new Set<Value>() };
          flows.set(`${from} ${to}`, flow);
          flow.values.add(input);
        }
      }
      return {
        op: node.op.name,
        composite: node.op.decompose !== undefined,
        module: module === block ? '' : within(module, block),
        type: node.outputs[0] ? formatType(node.outputs[0].type) : '',
        leaves: [...leaves],
        outputs: (outputs.get(node) ?? []).map((name) => name.replace(`${module}.`, '').replace(`${block}.`, '')),
        reads: [...reads],
      };
    });
    return { block, phase, boxes };
  });
  return {
    cards,
    rows: rowsOf(cards),
    flows: [...flows.values()].map(({ from, to, values }) => ({
      from,
      to,
      values: values.size,
      bytes: [...values].reduce((sum, value) => sum + bytesOf(value), 0),
    })),
  };
}

function rowsOf(cards: readonly Card[]): Row[] {
  const place = (block: string, phase: Placed['phase']): number | undefined => {
    const index = cards.findIndex((card) => card.block === block && card.phase === phase);
    return index < 0 ? undefined : index;
  };
  const blocks = [...new Set(cards.map(({ block }) => block))];
  // What no block holds comes after them: the head and the loss.
  const ordered = [...blocks.filter((block) => block !== ''), ...blocks.filter((block) => block === '')];
  const looks = (index: number | undefined, block: string): string =>
    index === undefined ? '' : JSON.stringify(cards[index]?.boxes).replaceAll(block === '' ? ' ' : block, '');
  const rows: {
    block: string;
    forward: number | undefined;
    backward: number | undefined;
    like: string[];
    look: string;
  }[] = [];
  for (const block of ordered) {
    const [forward, backward] = [place(block, 'forward'), place(block, 'backward')];
    const look = withoutIndices(`${looks(forward, block)}|${looks(backward, block)}`);
    const last = rows.at(-1);
    if (last?.look === look) last.like.push(block);
    else rows.push({ block, forward, backward, like: [], look });
  }
  return rows.map(({ look: _look, ...row }) => row);
}

/** Names of leaves and outputs that count layers, such as `keys 3`, without their number. */
const withoutIndices = (text: string): string => text.replaceAll(/(keys|values) \d+/g, '$1');
