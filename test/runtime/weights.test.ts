import assert from 'node:assert/strict';
import { test } from 'node:test';
import { at } from '../../src/ir/graph.ts';
import { f32Source, memorySource, tensorSource } from '../../src/runtime/tensor-source.ts';
import { narrowFromF32 } from '../../src/runtime/storage.ts';
import { weightStore } from '../../src/runtime/weights.ts';

/** A source that counts how often it is read. */
function counted(name: string, values: Float32Array): { source: ReturnType<typeof tensorSource>; reads: () => number } {
  let reads = 0;
  const bytes = new Uint8Array(values.buffer);
  const source = tensorSource(name, [values.length], 'f32', async function* () {
    reads++;
    yield await Promise.resolve(bytes);
  });
  return { source, reads: () => reads };
}

test('a stored weight is read when it is first asked for, and once', async () => {
  const store = weightStore();
  const { source, reads } = counted('w', Float32Array.of(1, 2, 3));
  const handle = store.add(source);
  assert.deepEqual([reads(), store.residentBytes(), store.unreadBytes()], [0, 0, 12]);
  const [first, second] = await Promise.all([handle.f32(), handle.f32()]);
  assert.equal(first, second);
  assert.equal(await store.get('w').f32(), first);
  assert.deepEqual([...first], [1, 2, 3]);
  assert.deepEqual([reads(), store.residentBytes(), store.unreadBytes()], [1, 12, 0]);
});

test('a weight that is stored in 16 bits is widened and says how it is stored', async () => {
  const store = weightStore();
  const handle = store.add(memorySource('h', [2], 'bf16', Uint8Array.of(0x80, 0x3f, 0x20, 0xc0)));
  assert.deepEqual([...(await handle.f32())], [1, -2.5]);
  assert.deepEqual([handle.storage, handle.writable, handle.version()], ['bf16', false, 0]);
  assert.equal(handle.source?.byteLength, 4);
});

for (const [index, bad] of [Number.NaN, Infinity, -Infinity].entries()) {
  test(`a stored ${bad} is refused by name and place, again and again`, async () => {
    const store = weightStore();
    const values = Float32Array.of(1, 2, 3, 4);
    values[index] = bad;
    const handle = store.add(f32Source('model.norm.weight', [4], values));
    for (let i = 0; i < 2; i++) {
      await assert.rejects(
        handle.f32(),
        new RegExp(`finite weights but found ${bad} in model\\.norm\\.weight at element ${index}`),
      );
    }
  });
}

test('a weight is rounded to bf16 to nearest even, one in bf16 is taken as it is', async () => {
  const bits = Uint32Array.from({ length: 4096 }, (_, i) => Math.imul(i + 1, 2654435761));
  const ties = Uint32Array.of(0x3f808000, 0x3f818000, 0x3f808001, 0x7f7f7fff, 0xff7f7fff, 0x80000000, 1);
  const values = new Float32Array(Uint32Array.of(...ties, ...bits).buffer);
  values.forEach((value, i) => (values[i] = Math.abs(value) < 1e38 ? value : i < ties.length ? value : i));
  const expected = new Uint16Array(values.length);
  narrowFromF32('bf16', values, new Uint8Array(expected.buffer));
  const wide = weightStore().add(f32Source('w', [values.length], values));
  assert.deepEqual(await wide.bf16?.(), expected);
  const narrow = weightStore().add(memorySource('w', [values.length], 'bf16', new Uint8Array(expected.buffer)));
  assert.deepEqual(await narrow.bf16?.(), expected);
});

test('what is not finite in bf16 is refused by name, value and place', async () => {
  for (const [bits, value] of [
    [0x7fc00001, 'NaN'],
    [0xffffffff, 'NaN'],
    [0x7f800000, 'Infinity'],
    [0xff800000, '-Infinity'],
    [0x7f7f8000, '3.39'],
    [0xff7fffff, '-3.40'],
  ] as const) {
    const values = new Float32Array(Uint32Array.of(0, 0x3f800000, bits).buffer);
    await assert.rejects(
      async () =>
        weightStore()
          .add(f32Source('w', [3], values))
          .bf16?.(),
      new RegExp(`finite weights in bf16 but found ${value}.* in w at element 2`),
    );
    const halves = Uint16Array.of(0, 0x3f80, bits >>> 16);
    if ((bits & 0x7f800000) === 0x7f800000)
      await assert.rejects(
        async () =>
          weightStore()
            .add(memorySource('w', [3], 'bf16', new Uint8Array(halves.buffer)))
            .bf16?.(),
        new RegExp(`finite weights in bf16 but found ${value} in w at element 2`),
      );
  }
});

test('huge values that are finite pass', async () => {
  const values = Float32Array.of(3.4028234663852886e38, 3.4028234663852886e38, -0);
  assert.deepEqual(
    await weightStore()
      .add(f32Source('w', [3], values))
      .f32(),
    values,
  );
});

test('a frozen weight cannot be touched', () => {
  const handle = weightStore().add(f32Source('w', [1], Float32Array.of(1)));
  assert.throws(() => handle.touch(), /trained weight but w is frozen/);
});

test('trained weights lie one after another on 64-byte boundaries, zeros between', async () => {
  const store = weightStore();
  const { flat, members } = store.allocate('adapter', [
    { name: 'a', shape: [3, 7] },
    { name: 'b', shape: [] },
    { name: 'c', shape: [16] },
  ]);
  const whole = await flat.f32();
  assert.deepEqual(flat.shape, [32 + 16 + 16]);
  assert.ok(whole.every((value) => value === 0));
  const arrays = await Promise.all(members.map((member) => member.f32()));
  assert.deepEqual(
    arrays.map(({ byteOffset, length }) => [byteOffset, length]),
    [
      [0, 21],
      [128, 1],
      [192, 16],
    ],
  );
  for (const array of arrays) assert.equal(array.buffer, whole.buffer);
  arrays.forEach((array, i) => array.fill(i + 1));
  assert.deepEqual(
    [...whole],
    [...Array(21).fill(1), ...Array(11).fill(0), 2, ...Array(15).fill(0), ...Array(16).fill(3)],
  );
  assert.equal(store.residentBytes(), 4 * whole.length);
  assert.equal(store.get('c'), members[2]);
  assert.equal(store.get('adapter'), flat);
});

test('a change of one trained weight is one of its group: versions rise together', () => {
  const store = weightStore();
  const one = store.allocate('one', [
    { name: 'a', shape: [2] },
    { name: 'b', shape: [2] },
  ]);
  const other = store.allocate('other', [{ name: 'c', shape: [2] }]);
  const versions = () => [one.flat, ...one.members, other.flat].map((handle) => handle.version());
  assert.deepEqual(versions(), [0, 0, 0, 0]);
  one.flat.touch();
  at(one.members, 1).touch();
  assert.deepEqual(versions(), [2, 2, 2, 0]);
});

test('names are unique and what is missing is named', () => {
  const store = weightStore();
  store.add(f32Source('w', [1], Float32Array.of(1)));
  assert.throws(() => store.add(f32Source('w', [1], Float32Array.of(1))), /new weight name but found w twice/);
  assert.throws(() => store.allocate('group', [{ name: 'w', shape: [1] }]), /found w twice/);
  assert.throws(() => store.get('v'), /weight named v but the store has none/);
  assert.deepEqual([store.has('w'), store.has('v')], [true, false]);
});

test('a quantised weight counts by its codes and scales, before it is read and after', async () => {
  const store = weightStore();
  const { source } = counted(
    'w',
    Float32Array.from({ length: 64 }, (_, i) => i),
  );
  const handle = store.addQuantized(source, 'int4');
  assert.deepEqual([store.residentBytes(), store.unreadBytes()], [0, 2 * (16 + 4)]);
  await handle.f32();
  assert.deepEqual([store.residentBytes(), store.unreadBytes()], [2 * (16 + 4), 0]);
});
