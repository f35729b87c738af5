import type { Box, Card } from './pictureCards.ts';

export interface PlacedBox extends Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  readonly lines: readonly { readonly text: string; readonly kind: 'op' | 'type' | 'leaf' | 'output' }[];
}

export interface CardLayout {
  readonly boxes: readonly PlacedBox[];
  readonly width: number;
  readonly height: number;
}

export const lineHeight = 14;
const gapX = 14;
const gapY = 26;
const padding = 12;
const longest = 36;
const charWidth = 6.3;

const shortened = (text: string): string => (text.length <= longest ? text : `${text.slice(0, longest - 1)}…`);

/** A list in at most three lines. */
function listed(names: readonly string[]): string[] {
  return names.length <= 3 ? names.map(shortened) : [...names.slice(0, 2).map(shortened), `… ${names.length} in all`];
}

function linesOf(box: Box): PlacedBox['lines'] {
  return [
    { text: shortened(box.module === '' ? box.op : `${box.op}  ${box.module}`), kind: 'op' },
    { text: box.type, kind: 'type' },
    ...listed(box.leaves).map((text) => ({ text, kind: 'leaf' as const })),
    ...listed(box.outputs).map((text) => ({ text: shortened(`→ ${text}`), kind: 'output' as const })),
  ];
}

/** The layer of each box: below what it reads; one that reads nothing of the card stands right above its first reader. */
function ranksOf(boxes: Card['boxes']): number[] {
  const ranks: number[] = [];
  boxes.forEach(({ reads }, i) => (ranks[i] = Math.max(-1, ...reads.map((read) => ranks[read] ?? -1)) + 1));
  const readers = boxes.map((): number[] => []);
  boxes.forEach(({ reads }, i) => reads.forEach((read) => readers[read]?.push(ranks[i] ?? 0)));
  return ranks.map((rank, i) => (rank === 0 && readers[i]?.length ? Math.min(...readers[i]) - 1 : rank));
}

/**
 * Layers of boxes: each below what it reads, or above it where the card is turned over, each layer in the order of what
 * its boxes read.
 */
export function layOut({ boxes, phase }: Card): CardLayout {
  const ranks = ranksOf(boxes);
  const layers: number[][] = [];
  ranks.forEach((rank, i) => (layers[rank] ??= []).push(i));
  const sized = boxes.map((box) => {
    const lines = linesOf(box);
    const width = Math.max(72, Math.max(...lines.map(({ text }) => text.length)) * charWidth + 18);
    return { ...box, lines, width, height: lines.length * lineHeight + 10 };
  });
  const centres: number[] = [];
  const widthOf = (layer: readonly number[]): number =>
    layer.reduce((sum, i) => sum + (sized[i]?.width ?? 0), 0) + gapX * (layer.length - 1);
  const widest = Math.max(...layers.map(widthOf));
  const wanted = (i: number): number => {
    const above = (boxes[i]?.reads ?? []).map((read) => centres[read] ?? widest / 2);
    return above.length === 0 ? widest / 2 : above.reduce((a, b) => a + b, 0) / above.length;
  };
  const left: number[] = [];
  const top: number[] = [];
  let y = padding;
  for (const layer of layers) {
    const ordered = layer.toSorted((a, b) => wanted(a) - wanted(b));
    // Near what they read, but side by side and within the card.
    let from = Math.min(
      Math.max(0, wanted(ordered[0] ?? 0) - (sized[ordered[0] ?? 0]?.width ?? 0) / 2),
      widest - widthOf(layer),
    );
    for (const [position, i] of ordered.entries()) {
      const { width = 0 } = sized[i] ?? {};
      const rest = widthOf(ordered.slice(position));
      const x = Math.max(from, Math.min(wanted(i) - width / 2, widest - rest));
      left[i] = x + padding;
      centres[i] = x + width / 2;
      top[i] = y;
      from = x + width + gapX;
    }
    y += Math.max(...layer.map((i) => sized[i]?.height ?? 0)) + gapY;
  }
  const height = y - gapY + padding;
  return {
    width: widest + 2 * padding,
    height,
    boxes: sized.map((box, i) => {
      const at = top[i] ?? 0;
      return { ...box, x: left[i] ?? 0, y: phase === 'backward' ? height - at - box.height : at };
    }),
  };
}
