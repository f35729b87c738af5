// All SVDs of the matrices in a file, per line of stdin.
import { readFileSync } from 'node:fs';
import { linalgPool } from '../../src/runtime/node/linalg-pool.ts';
import { count, readOptions } from '../lib/options.ts';
import { type MatrixFile, residuals } from '../lib/svds.ts';
import { serve } from './serve.ts';

const options = readOptions('Thin SVDs of ours of all matrices in a file, in f32, one round per line of stdin.', {
  matrices: { help: 'FILE of their values in float32, one after another; FILE.json says the shapes' },
  threads: { help: 'N', default: '2' },
});
const file = options.matrices ?? '';
const { shapes } = JSON.parse(readFileSync(`${file}.json`, 'utf8')) as MatrixFile;
const bytes = readFileSync(file);
const linalg = linalgPool({ threads: count('threads', options.threads) });

let at = 0;
const matrices = shapes.map((shape) => {
  const data = new Float32Array(bytes.buffer, bytes.byteOffset + 4 * at, shape[0] * shape[1]);
  at += data.length;
  return { shape, data };
});

// How exact they are, on one matrix of each shape.
const distinct = [...new Map(matrices.map((matrix) => [matrix.shape.join(), matrix])).values()];
const errors: ReturnType<typeof residuals>[] = [];
for (const matrix of distinct) errors.push(residuals(matrix, await linalg.svd(matrix)));
const worst = (name: 'reconstruction' | 'orthogonality'): string =>
  Math.max(...errors.map((error) => error[name])).toExponential(1);

await serve({ reconstruction: worst('reconstruction'), orthogonality: worst('orthogonality') }, async () => {
  let checksum = 0;
  await Promise.all(
    matrices.map(async (matrix) => {
      checksum += (await linalg.svd(matrix)).s.data[0] ?? 0;
    }),
  );
  return { checksum };
});
linalg.close();
