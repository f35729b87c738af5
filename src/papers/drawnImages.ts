import { at } from '../ir/graph.ts';
import { fillUniform, randomKey } from '../ir/random.ts';

type Plane = (u: number, v: number) => boolean;

const within = (u: number, v: number, side: number): boolean => Math.max(Math.abs(u), Math.abs(v)) < side;

/** Shapes about the unit circle, by name: whether a point is inside. */
const shapes = {
  circle: (u, v) => u * u + v * v < 1,
  square: (u, v) => within(u, v, 0.85),
  triangle: (u, v) => v > -0.75 && Math.abs(u) < (1 - v) * 0.55,
  cross: (u, v) => within(u, v, 1) && (Math.abs(u) < 0.3 || Math.abs(v) < 0.3),
  ring: (u, v) => u * u + v * v < 1 && u * u + v * v > 0.3,
  star: (u, v) => Math.hypot(u, v) < 0.65 + 0.35 * Math.cos(5 * Math.atan2(u, v)),
  bar: (u, v) => Math.abs(u) < 1 && Math.abs(v) < 0.35,
  diamond: (u, v) => Math.abs(u) + Math.abs(v) < 1,
  ell: (u, v) => within(u, v, 0.9) && (u < -0.35 || v > 0.35),
  tee: (u, v) => within(u, v, 0.9) && (v < -0.35 || Math.abs(u) < 0.28),
  arrow: (u, v) => (Math.abs(v) < 0.25 && u > -1 && u < 0.2) || (u > 0.1 && Math.abs(v) < 0.95 - u),
  heart: (u, v) => (1.44 * (u * u + v * v) - 1) ** 3 + 1.2 ** 5 * u * u * v ** 3 < 0,
  moon: (u, v) => u * u + v * v < 1 && (u - 0.5) ** 2 + v * v > 0.55,
  hexagon: (u, v) => Math.max(Math.abs(v), 0.5 * Math.abs(v) + 0.87 * Math.abs(u)) < 0.87,
  aitch: (u, v) => within(u, v, 0.9) && (Math.abs(u) > 0.45 || Math.abs(v) < 0.22),
  pie: (u, v) => u * u + v * v < 1 && !(u > 0 && v < 0),
} as const satisfies Readonly<Record<string, Plane>>;

export type Shape = keyof typeof shapes;

/** Where the second colour of a texture lies; x and y in pixels. */
const textures = {
  plain: () => false,
  striped: (x, y) => (x + y) % 6 < 3,
  checked: (x, y) => x % 6 < 3 === y % 6 < 3,
  dotted: (x, y) => (x % 5) + (y % 5) < 2,
} as const satisfies Readonly<Record<string, Plane>>;

export type Texture = keyof typeof textures;

/** How images look beside what they show. */
export interface Look {
  /** Most that a shape is turned, in radians. */
  readonly turn: number;
  /** Colours of the shape are bright and its ground is dark, or the other way round. */
  readonly inverted: boolean;
  /** Grey noise on every pixel, in 255ths. */
  readonly noise: number;
}

export interface DrawnImage {
  /** [side, side, 3], integers from 0 to 255. */
  readonly image: readonly (readonly (readonly [number, number, number])[])[];
  readonly label: string;
}

export const drawnSide = 24;

const drawsPerImage = 16;

/** One shape of a texture somewhere in the image, at most half a pixel's edge smoothed. */
function draw(shape: Shape, texture: Texture, look: Look, numbers: Float32Array): DrawnImage['image'] {
  const [x0, y0, size, angle, ...hues] = Array.from(numbers.subarray(0, drawsPerImage));
  const radius = 8 + 3 * (size ?? 0);
  const spare = drawnSide / 2 - radius;
  const [cx, cy] = [(x0 ?? 0) * 2 - 1, (y0 ?? 0) * 2 - 1].map((place) => drawnSide / 2 + spare * place) as [
    number,
    number,
  ];
  const turned = look.turn * (2 * (angle ?? 0) - 1);
  const [cos, sin] = [Math.cos(turned), Math.sin(turned)];
  const tone = (from: number, bright: boolean): number[] =>
    [0, 1, 2].map((c) => (bright ? 130 + 125 * (hues[from + c] ?? 0) : 90 * (hues[from + c] ?? 0)));
  const ground = tone(0, look.inverted);
  const [fill, second] = [tone(3, !look.inverted), tone(6, look.inverted).map((value) => (value + 60) / 1.3)];
  const noise = numbers.subarray(drawsPerImage);
  return Array.from({ length: drawnSide }, (_, y) =>
    Array.from({ length: drawnSide }, (__, x) => {
      let covered = 0;
      for (const [dx, dy] of [
        [0.25, 0.25],
        [0.75, 0.25],
        [0.25, 0.75],
        [0.75, 0.75],
      ] as const) {
        const [px, py] = [(x + dx - cx) / radius, (y + dy - cy) / radius];
        if (shapes[shape](cos * px + sin * py, cos * py - sin * px)) covered += 0.25;
      }
      const inside = textures[texture](x, y) ? second : fill;
      const grain = look.noise * (2 * (noise[y * drawnSide + x] ?? 0) - 1);
      const channel = (c: number): number =>
        Math.max(0, Math.min(255, Math.round(covered * at(inside, c) + (1 - covered) * at(ground, c) + grain)));
      return [channel(0), channel(1), channel(2)] as const;
    }),
  );
}

export interface Drawing {
  readonly shapes: readonly Shape[];
  readonly textures: readonly Texture[];
  /** Whether the label is the shape alone, or texture and shape. */
  readonly labels: 'shape' | 'texture and shape';
  readonly look: Look;
}

export const plainLook: Look = { turn: 0.35, inverted: false, noise: 8 };

/** The labels of a drawing, in order. */
export const labelsOf = ({ shapes: names, textures: of, labels }: Drawing): string[] =>
  labels === 'shape' ? [...names] : names.flatMap((shape) => of.map((texture) => `${texture} ${shape}`));

/** `count` images, every shape and texture in turn, the same for a seed. */
export function drawnImages(count: number, seed: number, drawing: Drawing): DrawnImage[] {
  const { shapes: names, textures: of, labels, look } = drawing;
  return Array.from({ length: count }, (_, i) => {
    const shape = at(names, i % names.length);
    const texture = at(of, Math.floor(i / names.length) % of.length);
    const numbers = new Float32Array(drawsPerImage + (look.noise > 0 ? drawnSide ** 2 : 0));
    fillUniform(numbers, randomKey(seed, 'drawn images', i));
    const label = labels === 'shape' ? shape : `${texture} ${shape}`;
    return { image: draw(shape, texture, look, numbers), label };
  });
}

/** What the small Vision Transformer in the package was trained on. */
export const pretrainedDrawing: Drawing = {
  shapes: ['circle', 'square', 'triangle', 'cross', 'ring', 'star', 'bar', 'diamond'],
  textures: ['plain', 'striped'],
  labels: 'texture and shape',
  look: plainLook,
};

/** Shapes that it has never seen. */
export const newShapes: readonly Shape[] = ['ell', 'tee', 'arrow', 'heart', 'moon', 'hexagon', 'aitch', 'pie'];
