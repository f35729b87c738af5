import { readFileSync, writeFileSync } from 'node:fs';
import { openCheckpoint } from '../../src/hub/checkpoint.ts';
import { elementCountOf } from '../../src/runtime/tensor-source.ts';

/** Writes the model card of a folder that make.ts wrote: card.md with the figures of its training. */
export async function writeCard(folder: string): Promise<void> {
  const checkpoint = await openCheckpoint(folder);
  const parameters = [...checkpoint.tensors.values()].reduce((sum, { shape }) => sum + elementCountOf(shape), 0);
  await checkpoint.close();
  const { held, evaluations } = JSON.parse(readFileSync(`${folder}/training.json`, 'utf8')) as {
    held: number;
    evaluations: { accuracy: number }[];
  };
  const figures: Readonly<Record<string, string>> = {
    parameters: parameters.toLocaleString('en'),
    held: String(held),
    share: `${(100 * (evaluations.at(-1)?.accuracy ?? Number.NaN)).toFixed(1)}%`,
  };
  const card = readFileSync(new URL('card.md', import.meta.url), 'utf8');
  writeFileSync(
    `${folder}/README.md`,
    card.replace(/\{(\w+)\}/g, (_, name: string) => figures[name] ?? ''),
  );
}
