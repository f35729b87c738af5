import assert from 'node:assert/strict';
import { test } from 'node:test';
import { jsonItems } from '../../src/data/jsonItems.ts';

async function items(text: string, chunk = 4, maxBytes = 1000): Promise<string[]> {
  const bytes = new TextEncoder().encode(text);
  const chunks = async function* (): AsyncGenerator<Uint8Array> {
    // The same memory again and again, as a reader may do.
    const buffer = new Uint8Array(chunk);
    for (let at = 0; at < bytes.length; at += chunk) {
      const piece = bytes.subarray(at, at + chunk);
      buffer.set(piece);
      yield buffer.subarray(0, piece.length);
    }
  };
  const found: string[] = [];
  for await (const item of jsonItems('a.json', chunks(), maxBytes)) found.push(new TextDecoder().decode(item));
  return found;
}

test('items of a list, however its bytes come', async () => {
  const list = [{ a: '],{"\\', b: ['x', { c: 1 }] }, 'é😀', [1, [2]], null];
  for (const chunk of [1, 2, 3, 7, 1000])
    for (const text of [JSON.stringify(list), JSON.stringify(list, null, 2), `\ufeff\n ${JSON.stringify(list)}\r\n`])
      assert.deepEqual(
        (await items(text, chunk)).map((item): unknown => JSON.parse(item)),
        list,
      );
  assert.deepEqual(await items('[]'), []);
  assert.deepEqual(await items(' [ \n ] '), []);
});

test('a list that does not end, or ends too early, is refused with its row', async () => {
  for (const [text, message] of [
    ['[{"a":1},{"b":', /a\.json, row 2: the list does not end/],
    ['[1,"x]', /row 2: the list does not end/],
    ['', /row 1: the list does not end/],
    ['[1,,2]', /row 2: expected an object but found nothing/],
    ['[1,]', /row 2: expected an object but found nothing/],
    ['[1] [2]', /expected nothing after the list/],
  ] as const)
    await assert.rejects(items(text), message);
});

test('an item past the bound is refused before it is held', async () => {
  await assert.rejects(items(`[1,"${'x'.repeat(2000)}"]`, 10, 100), /a\.json, row 2: longer than 100 bytes/);
});
