import { type Graph, isLeaf, type Node } from './graph.ts';
import { type Card, type Cards, cardsOf, type Flow } from './pictureCards.ts';
import { type CardLayout, layOut, lineHeight, type PlacedBox } from './pictureLayout.ts';
import type { Placed } from './places.ts';

export interface PictureOptions {
  readonly title: string;
  readonly places: ReadonlyMap<Node, Placed>;
}

const margin = 28;
const titleHeight = 66;
const head = 30;
const between = 44;
const foldedHeight = 34;

const style = `
svg { --ground: #fbfaf7; --card: #ffffff; --line: #c9c4b8; --ink: #23211c; --dim: #6f6a5e; --box: #f3f1ea; --composite: #dfe9f7; --edge: #8f897b; --leaf: #8a4b08; --result: #1f6f43; --flow: #3566a8; }
@media (prefers-color-scheme: dark) { svg { --ground: #171613; --card: #201f1b; --line: #47443b; --ink: #ece8dd; --dim: #a39d8f; --box: #2c2a25; --composite: #27384f; --edge: #7d786b; --leaf: #e5a964; --result: #7fcf9f; --flow: #86b1ea; } }
.ground { fill: var(--ground); } .card { fill: var(--card); stroke: var(--line); } .box { fill: var(--box); stroke: var(--line); } .composite { fill: var(--composite); }
.edge { fill: none; stroke: var(--edge); } .flow { fill: none; stroke: var(--flow); stroke-width: 2; } .tip { fill: var(--flow); }
text { fill: var(--ink); font: 11px ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; }
.title { font: 600 19px system-ui, sans-serif; } .name { font: 600 13px system-ui, sans-serif; } .note { font: 12px system-ui, sans-serif; fill: var(--dim); }
.op { font-weight: 700; } .type { fill: var(--dim); } .leaf { fill: var(--leaf); } .output { fill: var(--result); }`;

const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');

const round = (value: number): number => Math.round(value * 10) / 10;

function bytes(count: number): string {
  if (count >= 1e6) return `${(count / 1e6).toFixed(1)} MB`;
  return count >= 1e3 ? `${(count / 1e3).toFixed(1)} kB` : `${count} B`;
}

const flowText = ({ values, bytes: size }: Flow): string =>
  `${values} ${values === 1 ? 'value' : 'values'}, ${bytes(size)}`;

function boxSvg(box: PlacedBox, x: number, y: number): string {
  const [left, top] = [round(x + box.x), round(y + box.y)];
  const all = [box.module, ...box.leaves, ...box.outputs.map((name) => `→ ${name}`)].filter((text) => text !== '');
  const lines = box.lines.map(
    ({ text, kind }, i) =>
      `<text class="${kind}" x="${round(left + box.width / 2)}" y="${round(top + 15 + i * lineHeight)}" text-anchor="middle">${escaped(text)}</text>`,
  );
  return `<g><title>${escaped([`${box.op} ${box.type}`, ...all].join('\n'))}</title><rect class="box${box.composite ? ' composite' : ''}" x="${left}" y="${top}" width="${round(box.width)}" height="${box.height}" rx="5"/>${lines.join('')}</g>`;
}

function edgesSvg({ boxes }: CardLayout, x: number, y: number): string {
  return boxes
    .flatMap((to) =>
      to.reads.flatMap((index) => {
        const from = boxes[index];
        if (!from) return [];
        const down = from.y < to.y;
        const [x1, y1] = [x + from.x + from.width / 2, y + from.y + (down ? from.height : 0)];
        const [x2, y2] = [x + to.x + to.width / 2, y + to.y + (down ? 0 : to.height)];
        const middle = (y1 + y2) / 2;
        const points = [x1, y1, x1, middle, x2, middle, x2, y2].map(round);
        return [
          `<path class="edge" d="M${points[0]} ${points[1]}C${points[2]} ${points[3]} ${points[4]} ${points[5]} ${points[6]} ${points[7]}"/>`,
        ];
      }),
    )
    .join('');
}

/** An arrow between two points on one line, with what passes beside it. */
function arrow(from: readonly [number, number], to: readonly [number, number], text: string): string {
  const [x1, y1, x2, y2] = [...from, ...to].map(round) as [number, number, number, number];
  const level = y1 === y2;
  const sign = level ? Math.sign(x2 - x1) : Math.sign(y2 - y1);
  const tip = level ? `M${x2} ${y2}l${-7 * sign} -4v8z` : `M${x2} ${y2}l-4 ${-7 * sign}h8z`;
  const label = level
    ? `<text class="note" x="${(x1 + x2) / 2}" y="${y1 - 6}" text-anchor="middle">${escaped(text)}</text>`
    : `<text class="note" x="${x1 + 8}" y="${(y1 + y2) / 2 + 4}">${escaped(text)}</text>`;
  return `<path class="flow" d="M${x1} ${y1}L${x2} ${y2}"/><path class="tip" d="${tip}"/>${label}`;
}

interface Slot {
  readonly card: Card;
  readonly layout: CardLayout;
  readonly x: number;
  readonly y: number;
}

/** Flows of a card that no arrow shows, in words. */
function footnotes(index: number, { cards, flows }: Cards, shown: ReadonlySet<Flow>): string[] {
  const name = (at: number): string => {
    const { block, phase } = cards[at] ?? { block: '', phase: 'forward' };
    return `${block === '' ? 'outside the model' : block}${phase === 'backward' ? ', backward' : ''}`;
  };
  const own = flows.filter((flow) => flow.to === index && !shown.has(flow)).toSorted((a, b) => b.bytes - a.bytes);
  const told = own.slice(0, 2).map((flow) => `reads ${flowText(flow)}, of ${name(flow.from)}`);
  return own.length > 2 ? [...told, `and of ${own.length - 2} more`] : told;
}

/**
 * A program as an SVG of its own: blocks from top to bottom, the forward pass on the left, its gradients on the right and
 * upwards, equal blocks drawn once. Arrows between cards say how many values pass and their size.
 */
export function drawGraph(graph: Graph, { title, places }: PictureOptions): string {
  const made = cardsOf(graph, places);
  const { cards, rows, flows } = made;
  const layouts = cards.map(layOut);
  const shown = new Set<Flow>();
  const flowOf = (from: number | undefined, to: number | undefined): Flow | undefined => {
    const flow = flows.find((each) => each.from === from && each.to === to);
    if (flow) shown.add(flow);
    return flow;
  };
  // A folded row passes on what the last of its blocks does.
  const place = (block: string, phase: Placed['phase']): number =>
    cards.findIndex((card) => card.block === block && card.phase === phase);
  const links = rows.map((row, i) => {
    const last = row.like.at(-1) ?? row.block;
    const next = rows[i + 1];
    return {
      across: flowOf(row.forward, row.backward),
      down: next && flowOf(place(last, 'forward'), next.forward),
      up: next && flowOf(next.backward, place(last, 'backward')),
      inside:
        row.like.length === 0
          ? undefined
          : {
              down: flowOf(row.forward, place(row.like[0] ?? '', 'forward')),
              up: flowOf(place(row.like[0] ?? '', 'backward'), row.backward),
            },
    };
  });
  const notes = cards.map((_, index) => footnotes(index, made, shown));
  const widthOf = (phase: Placed['phase']): number =>
    Math.max(0, ...cards.map((card, i) => (card.phase === phase ? Math.max(layouts[i]?.width ?? 0, 300) : 0)));
  const [leftWidth, rightWidth] = [widthOf('forward'), widthOf('backward')];
  const rightX = margin + leftWidth + (rightWidth > 0 ? 170 : 0);
  const width = Math.max(rightX + rightWidth + margin, 560);
  const parts: string[] = [];
  let y = titleHeight + margin / 2;
  const draw = ({ card, layout, x, y: top }: Slot, height: number, words: readonly string[]): void => {
    const columnWidth = card.phase === 'forward' ? leftWidth : rightWidth;
    const inner = x + (columnWidth - layout.width) / 2;
    const name = card.block === '' ? 'outside the model' : card.block;
    parts.push(
      `<rect class="card" x="${x}" y="${round(top)}" width="${round(columnWidth)}" height="${round(height)}" rx="9"/>`,
      `<text class="name" x="${x + 12}" y="${round(top + 20)}">${escaped(name)}${card.phase === 'backward' ? ', gradients' : ''}</text>`,
      ...words.map(
        (text, i) =>
          `<text class="note" x="${x + 12}" y="${round(top + height - 8 - (words.length - 1 - i) * 15)}">${escaped(text)}</text>`,
      ),
      edgesSvg(layout, inner, top + head),
      ...layout.boxes.map((box) => boxSvg(box, inner, top + head)),
    );
  };
  rows.forEach((row, i) => {
    const sides = [row.forward, row.backward].flatMap((index) => {
      const [card, layout] = [cards[index ?? -1], layouts[index ?? -1]];
      return index === undefined || !card || !layout ? [] : [{ index, card, layout }];
    });
    const heightOf = ({ index, layout }: (typeof sides)[number]): number =>
      head + layout.height + (notes[index]?.length ?? 0) * 15;
    const height = Math.max(...sides.map(heightOf));
    for (const side of sides) {
      const x = side.card.phase === 'forward' ? margin : rightX;
      draw({ ...side, x, y }, height, notes[side.index] ?? []);
    }
    const link = links[i];
    if (link?.across) parts.push(arrow([margin + leftWidth, y + 18], [rightX, y + 18], flowText(link.across)));
    const [leftAt, rightAt] = [margin + leftWidth / 2, rightX + rightWidth / 2];
    const join = (top: number, down: Flow | undefined, up: Flow | undefined): void => {
      if (down) parts.push(arrow([leftAt, top], [leftAt, top + between], flowText(down)));
      if (up) parts.push(arrow([rightAt, top + between], [rightAt, top], flowText(up)));
    };
    y += height;
    if (row.like.length > 0) {
      join(y, link?.inside?.down, link?.inside?.up);
      y += between;
      const names = row.like.length === 1 ? row.like[0] : `${row.like[0]} to ${row.like.at(-1)}`;
      parts.push(
        `<rect class="card" x="${margin}" y="${round(y)}" width="${round(width - 2 * margin)}" height="${foldedHeight}" rx="9" stroke-dasharray="5 4"/>`,
        `<text class="name" x="${margin + 12}" y="${round(y + 22)}">${escaped(`${names}: as ${row.block}`)}</text>`,
      );
      y += foldedHeight;
    }
    if (i < rows.length - 1) {
      join(y, link?.down, link?.up);
      y += between;
    }
  });
  const height = round(y + margin);
  const counted = graph.nodes.filter((node) => !isLeaf(node)).length;
  const legend = `${counted} nodes, ${graph.leaves.length} leaves, ${graph.outputs.size} outputs. Blue: composites. Reshapes and constants are not drawn.`;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${round(width)} ${height}" width="${round(width)}" height="${height}" role="img" aria-label="${escaped(title)}"><style>${style}</style><rect class="ground" width="100%" height="100%"/><text class="title" x="${margin}" y="${margin + 8}">${escaped(title)}</text><text class="note" x="${margin}" y="${margin + 28}">${escaped(legend)}</text>${parts.join('\n')}</svg>\n`;
}
