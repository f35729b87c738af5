import { type Drawing, type DrawnImage, drawnImages, type Look, newShapes, plainLook } from './drawnImages.ts';

const drawing: Drawing = { shapes: newShapes, textures: ['plain', 'striped'], labels: 'shape', look: plainLook };

/** Looks that the plain one is not. */
const shifts: readonly Look[] = [
  { ...plainLook, turn: 0.9 },
  { ...plainLook, noise: 50 },
  { ...plainLook, inverted: true },
];

/** Images of the new shapes as they look plainly; the same for a seed. */
export const plainImages = (count: number, seed: number): DrawnImage[] => drawnImages(count, seed, drawing);

/** As many images in each of three other looks: turned further, in grain, dark on bright ground. */
export const shiftedImages = (count: number, seed: number): DrawnImage[] =>
  shifts.flatMap((look, i) => drawnImages(count, shifts.length * seed + i, { ...drawing, look }));
