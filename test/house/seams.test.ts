import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { configFields } from '../../src/loop/configFields.ts';
import { seams, seamsPage, unitsOf } from '../../tools/seams.ts';

const root = new URL('../../', import.meta.url);
const read = (path: string): string => readFileSync(new URL(path, root), 'utf8');

test('docs/seams.md is what node tools/seams.ts counts; small changes of a length may wait', () => {
  const [written, counted] = [read('docs/seams.md'), seamsPage()];
  const numbers = (text: string): number[] => [...text.matchAll(/(?<=\| |– )\d+/g)].map(([digits]) => Number(digits));
  const words = (text: string): string => text.replace(/(?<=\| |– )\d+/g, 'N');
  assert.equal(words(written), words(counted));
  const found = numbers(counted);
  for (const [i, count] of numbers(written).entries()) {
    const now = found[i] ?? Number.NaN;
    assert.ok(Math.abs(count - now) <= Math.max(10, 0.2 * now), `${count} is ${now} now: run node tools/seams.ts`);
  }
});

test('lengths of units that docs/decisions.md tells are near what they are', () => {
  const told = [...read('docs/decisions.md').matchAll(/`(src\/[^`]+\.ts)`, (\d+) lines/g)];
  assert.ok(told.length >= 6);
  for (const [, file = '', count] of told) {
    const now = read(file).split('\n').length - 1;
    assert.ok(Math.abs(Number(count) - now) <= Math.max(10, 0.2 * now), `${file} has ${now} lines, not ${count}`);
  }
});

/** Sources beside lists, entry points and recipes that name a unit, and must have a reason. */
const named: Readonly<Record<string, readonly string[]>> = {
  // New weights are drawn as full fine-tuning would start them.
  'src/adapters/full.ts': ['src/loop/newCheckpoint.ts', 'src/surgery/newHead.ts'],
  // The task of `tuneloop start` is graded so.
  'src/rewards/exactMatch.ts': ['src/cli/start.ts'],
  // Every run measures how far it drifted.
  'src/probes/weightDistance.ts': ['src/loop/retentionWatch.ts'],
};

for (const seam of seams.filter(({ name }) => !['operation', 'model'].includes(name))) {
  test(`no shared code imports a unit of the seam ${seam.name}`, () => {
    const units = unitsOf(seam);
    assert.ok(units.length > 0);
    for (const { file, namedBy } of units) assert.deepEqual(namedBy, named[file] ?? [], file);
  });
}

test("shared code asks for a unit's properties, never for its name", () => {
  const withTypes = configFields.flatMap(({ path }) =>
    path.endsWith('.type') ? [path.slice(0, -'.type'.length)] : [],
  );
  assert.ok(withTypes.includes('adapter') && withTypes.includes('objective'));
  const asked = new RegExp(`(?:${withTypes.join('|')})\\??\\.type\\)? [!=]== '`);
  const files = readdirSync(new URL('src/', root), { recursive: true, encoding: 'utf8' });
  // A recipe's arms are units by name.
  const shared = files.filter((name) => name.endsWith('.ts') && !/^papers[\\/]/.test(name));
  for (const file of shared) {
    const line = read(`src/${file}`)
      .split('\n')
      .find((text) => asked.test(text));
    assert.equal(line, undefined, file);
  }
  assert.ok(asked.test("config.adapter.type === 'none'") && asked.test("(adapter?.type) !== 'lora'"));
});
