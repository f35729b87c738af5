import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chooseEngine, engineRecord, recordedChoice } from '../../src/loop/engines.ts';
import { bf16Sets, found, instructionSets } from '../runtime/native/engines.ts';

const nowhere = { findLibrary: (): Promise<string> => Promise.reject(new Error('no compiler was found\nmore words')) };

test('auto is ONNX Runtime where the native library is missing, and one line says why', async () => {
  const { engine, notices } = await chooseEngine({ name: 'auto', threads: 1 }, undefined, nowhere);
  engine.close();
  assert.deepEqual(engineRecord(engine), { name: 'ort', precision: 'fp32' });
  assert.deepEqual(notices, ['ONNX Runtime computes in place of the native engine: no compiler was found']);
});

test('who stops while the library is built gets no other engine', async () => {
  const signal = AbortSignal.abort();
  await assert.rejects(chooseEngine({ name: 'auto' }, undefined, { ...nowhere, signal }), { name: 'AbortError' });
});

test('what was asked for by name is not replaced', async () => {
  await assert.rejects(chooseEngine({ name: 'native' }, undefined, nowhere), /no compiler was found/);
  await assert.rejects(chooseEngine({ name: 'auto', precision: 'bf16' }, undefined, nowhere), /no compiler was found/);
  await assert.rejects(
    chooseEngine({ name: 'ort', precision: 'bf16' }),
    /expected precision auto or fp32.* but found bf16/,
  );
  await assert.rejects(
    chooseEngine({ name: 'reference', precision: 'bf16' }),
    /expected precision auto but found bf16/,
  );
});

test(
  'auto is the native engine, in fp32 unless asked, and names its instruction set',
  { skip: found.missing },
  async () => {
    for (const name of ['native', 'auto'] as const) {
      for (const precision of [undefined, 'fp32', 'bf16', 'auto'] as const) {
        const { engine, notices } = await chooseEngine({ name, precision, threads: 1 });
        engine.close();
        assert.equal(engine.name, 'native');
        assert.equal(engine.instructionSet?.endsWith('bf16'), engine.precision === 'bf16');
        if (precision !== 'auto') assert.equal(engine.precision, precision ?? 'fp32');
        assert.deepEqual(notices, []);
      }
    }
  },
);

test('a run goes on with the engine that its folder records', { skip: found.missing }, async () => {
  const again = async (record: { name: string; precision: string; instructionSet?: string }) => {
    const { engine, notices } = await chooseEngine(recordedChoice({ name: 'auto', threads: 1 }, record));
    engine.close();
    return { record: engineRecord(engine), notices };
  };
  const records = [
    { name: 'ort', precision: 'fp32' },
    ...instructionSets.map((instructionSet) => ({ name: 'native', precision: 'fp32', instructionSet })),
    ...bf16Sets.map((instructionSet) => ({ name: 'native', precision: 'bf16', instructionSet })),
  ];
  for (const record of records) assert.deepEqual(await again(record), { record, notices: [] });
  const { notices } = await again({ name: 'native', precision: 'fp32', instructionSet: 'sve9' });
  assert.match(notices.join(), /this machine has no sve9: native in fp32 on \w+ computes/);
  const gone = recordedChoice({ name: 'auto' }, { name: 'native', precision: 'fp32', instructionSet: 'avx2' });
  const { engine } = await chooseEngine(gone, undefined, nowhere);
  engine.close();
  assert.equal(engine.name, 'ort');
});
