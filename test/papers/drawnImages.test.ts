import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { classify } from '../../src/loop/onRows.ts';
import { loadClassifier } from '../../src/loop/loadModel.ts';
import {
  drawnImages,
  drawnSide,
  labelsOf,
  newShapes,
  plainLook,
  pretrainedDrawing,
} from '../../src/papers/drawnImages.ts';
import { plainImages, shiftedImages } from '../../src/papers/shapesInLooks.ts';
import { collect } from '../parity.ts';

test('images are a function of the seed, of one size, in whole numbers from 0 to 255, every label in turn', () => {
  const first = drawnImages(32, 5, pretrainedDrawing);
  assert.deepEqual(drawnImages(32, 5, pretrainedDrawing), first);
  assert.deepEqual(drawnImages(40, 5, pretrainedDrawing).slice(0, 32), first);
  assert.notDeepEqual(drawnImages(32, 6, pretrainedDrawing), first);
  assert.deepEqual(new Set(first.map(({ label }) => label)), new Set(labelsOf(pretrainedDrawing)));
  for (const { image } of first) {
    assert.equal(image.length, drawnSide);
    const values = image.flatMap((row) => row.flatMap((pixel) => [...pixel]));
    assert.equal(values.length, 3 * drawnSide ** 2);
    assert.ok(values.every((value) => Number.isInteger(value) && value >= 0 && value <= 255));
  }
});

test('a shape is bright on dark ground, or the other way round', () => {
  const drawing = { shapes: newShapes, textures: ['plain'], labels: 'shape', look: plainLook } as const;
  const middle = (inverted: boolean): number[] =>
    drawnImages(8, 1, { ...drawing, look: { ...plainLook, noise: 0, inverted } }).map(({ image }) => {
      const sum = (pixel: readonly number[] | undefined): number =>
        (pixel ?? []).reduce((all, value) => all + value, 0);
      const inside = Math.max(...image.flatMap((row) => row.map(sum)));
      return Math.sign(inside - 2 * sum(image[0]?.[0]));
    });
  assert.ok(middle(false).filter((sign) => sign > 0).length >= 6);
  assert.ok(middle(true).every((sign) => sign < 0));
});

test('shapes in other looks are as many in each, and none of them stands among the plain ones', () => {
  const [plain, shifted] = [plainImages(16, 1), shiftedImages(16, 1)];
  assert.equal(shifted.length, 48);
  assert.deepEqual(shiftedImages(16, 1), shifted);
  assert.equal(new Set([...plain, ...shifted].map(({ image }) => JSON.stringify(image))).size, 64);
  const labels = plain.map(({ label }) => label);
  for (let look = 0; look < 3; look++)
    assert.deepEqual(
      shifted.slice(16 * look, 16 * (look + 1)).map(({ label }) => label),
      labels,
    );
});

test('nano-vit, the image classifier in the package, does on new images what its record says', async () => {
  const path = new URL('../../assets/nano-vit/training.json', import.meta.url);
  const { evaluations } = JSON.parse(readFileSync(path, 'utf8')) as { evaluations: { accuracy: number }[] };
  const loaded = await loadClassifier('nano-vit');
  const rows = drawnImages(160, 77, pretrainedDrawing);
  const lines = await collect(
    classify(
      loaded,
      rows.map((row) => ({ ...row })),
      { batchSize: 80 },
    ),
  );
  await loaded.close();
  const right = lines.filter(
    ({ logits }, i) => loaded.model.labels[logits.indexOf(Math.max(...logits))] === rows[i]?.label,
  );
  const claimed = evaluations.at(-1)?.accuracy ?? assert.fail();
  // Two standard errors of 160 images are at most 0.08.
  assert.ok(Math.abs(right.length / rows.length - claimed) < 0.08, `${right.length} of ${rows.length}, ${claimed}`);
});
