import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chooseEngine } from '../../src/loop/engines.ts';
import { found } from '../runtime/native/engines.ts';

test('a precision that an engine has not is refused', async () => {
  await assert.rejects(
    chooseEngine({ name: 'ort', precision: 'bf16' }),
    /expected precision auto or fp32.* but found bf16/,
  );
  await assert.rejects(
    chooseEngine({ name: 'reference', precision: 'bf16' }),
    /expected precision auto but found bf16/,
  );
});

test('the native engine takes fp32 unless asked, and names its instruction set', { skip: found.missing }, async () => {
  for (const precision of [undefined, 'fp32', 'bf16', 'auto'] as const) {
    const { engine } = await chooseEngine({ name: 'native', precision, threads: 1 });
    engine.close();
    assert.equal(engine.instructionSet?.endsWith('bf16'), engine.precision === 'bf16');
    if (precision !== 'auto') assert.equal(engine.precision, precision ?? 'fp32');
  }
});
