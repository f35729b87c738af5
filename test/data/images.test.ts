import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { crc32, deflateSync } from 'node:zlib';
import { decodeImage, imageOf } from '../../src/data/imageField.ts';
import { imageProcessor } from '../../src/data/imageProcessor.ts';
import { type Pixels, withChannels } from '../../src/data/pixels.ts';
import type { RowFields } from '../../src/data/reader.ts';
import { type Resample, resize } from '../../src/data/resize.ts';
import { rowsOfFiles } from '../../src/data/sources.ts';
import { fixture, readFixture } from '../parity.ts';

interface Expected {
  decoded: { name: string; file: string; height: number; width: number; rgb: string }[];
  source: { height: number; width: number; rgb: string; grey: string };
  resized: { resample: Resample; height: number; width: number; rgb: string }[];
  processor: Record<string, unknown> & { pixels: number[] };
}

const { decoded, source, resized, processor } = readFixture('images.json') as Expected;
const bytesOf = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'base64'));
const rgbOf = ({ height, width, rgb }: { height: number; width: number; rgb: string }): Pixels => ({
  height,
  width,
  channels: 3,
  data: bytesOf(rgb),
});
const folder = mkdtempSync(join(tmpdir(), 'tuneloop-images-'));
after(() => rmSync(folder, { recursive: true }));

for (const each of decoded.filter(({ name }) => name.startsWith('png'))) {
  test(`${each.name}: the pixels are Pillow's`, async () => {
    const found = withChannels(await decodeImage(bytesOf(each.file)), 3);
    assert.deepEqual(found, rgbOf(each));
  });
}

// Decoders round differently, and spread colours differently where they are stored at half the resolution.
for (const [name, most, mean] of [
  ['jpeg 4:4:4', 3, 1],
  ['jpeg progressive', 3, 1],
  ['jpeg grey', 1, 0.1],
  ['jpeg 4:2:0', 70, 8],
] as const) {
  test(`${name}: values are within ${most} of 255 of Pillow's, within ${mean} in the mean`, async () => {
    const each = decoded.find((one) => one.name === name) ?? assert.fail();
    const found = await decodeImage(bytesOf(each.file));
    assert.deepEqual([found.height, found.width, found.channels], [each.height, each.width, 3]);
    const wanted = bytesOf(each.rgb);
    const differences = Array.from(found.data, (value, i) => Math.abs(value - (wanted[i] ?? 999)));
    assert.ok(Math.max(...differences) <= most, String(Math.max(...differences)));
    const sum = differences.reduce((all, value) => all + value, 0);
    assert.ok(sum / differences.length <= mean, String(sum / differences.length));
  });
}

test('an image in another size is bit for bit what Pillow makes of it, by each of its filters', () => {
  for (const { resample, height, width, rgb } of resized) {
    const found = resize(rgbOf(source), height, width, resample);
    assert.deepEqual(found.data, bytesOf(rgb), `filter ${resample}, ${height} × ${width}`);
  }
  assert.equal(resize(rgbOf(source), 17, 23, 3).data.length, 17 * 23 * 3);
  assert.deepEqual(withChannels(rgbOf(source), 1).data, bytesOf(source.grey));
});

const square = { channels: 3, height: 12, width: 12 };

test("a preprocessor_config.json gives what transformers' ViTImageProcessor gives", () => {
  const { pixels, ...config } = processor;
  const { fit, levels, notices } = imageProcessor(config, square);
  assert.deepEqual(notices, []);
  const { data } = fit(rgbOf(source));
  for (const [i, want] of pixels.entries()) {
    const [channel, place] = [Math.floor(i / 144), i % 144];
    const found = levels[256 * channel + (data[3 * place + channel] ?? 0)] ?? Number.NaN;
    assert.ok(Math.abs(found - want) < 2e-6, `${i}: ${found}, ${want}`);
  }
});

test('its fields are honoured, refused by name, or told as without effect', () => {
  const make = (config: Record<string, unknown>) => imageProcessor(config, square);
  for (const config of [
    { size: 12 },
    { size: { height: 12, width: 12 }, feature_extractor_type: 'ViTFeatureExtractor' },
  ])
    assert.deepEqual(make(config).notices, []);
  assert.match(imageProcessor(undefined, square).notices.join(), /No preprocessor_config\.json: .* by default/);
  assert.deepEqual(make({ do_dream: true }).notices, ['preprocessor_config.json fields without effect: do_dream']);
  const plain = make({ do_rescale: false, do_normalize: false });
  assert.equal(plain.levels[255], 255);
  for (const [config, message] of [
    [{ size: 224 }, /expected the size of the model's images, 12 × 12, but found 224 × 224/],
    [{ size: { shortest_edge: 12 } }, /size\.height/],
    [{ size: { height: 12, width: 12, longest_edge: 3 } }, /size\.longest_edge is not supported/],
    [{ resample: 9 }, /filter of Pillow from 0 to 5 at preprocessor_config\.json\.resample but found 9/],
    [{ image_mean: [0.5] }, /Expected 3 numbers at preprocessor_config\.json\.image_mean/],
    [{ image_std: 0 }, /other than 0 at preprocessor_config\.json\.image_std/],
    [{ do_center_crop: true }, /do_center_crop true is not supported/],
    [{ image_processor_type: 'CLIPImageProcessor' }, /image_processor_type "CLIPImageProcessor" is not supported/],
    [{ do_resize: 'no' }, /true or false at preprocessor_config\.json\.do_resize/],
  ] as const)
    assert.throws(() => make(config), message);
  assert.throws(() => imageProcessor({}, { ...square, channels: 4 }), /1 or 3 channels \(num_channels\) but found 4/);
  assert.throws(() => make({ do_resize: false }).fit(rgbOf(source)), /do_resize false, but found 17 × 23/);
});

const [first] = decoded;
const png = bytesOf(first?.file ?? '');
const encoded = Buffer.from(png).toString('base64');

test('a row names its image by path, data URL, bytes in base64, bytes, or pixels', async () => {
  mkdirSync(join(folder, 'below'), { recursive: true });
  writeFileSync(join(folder, 'below', 'a.png'), png);
  const rows = [
    { image: 'below/a.png' },
    { image: `data:image/png;base64,${encoded}` },
    { image: { bytes: encoded, path: 'elsewhere.png' } },
    { image: { path: './below/a.png' } },
  ];
  writeFileSync(join(folder, 'rows.jsonl'), rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  const want = await decodeImage(png);
  let count = 0;
  for await (const row of rowsOfFiles([join(folder, 'rows.jsonl')])) {
    assert.deepEqual(await imageOf(row), want);
    count++;
  }
  assert.equal(count, 4);
  const given = (image: unknown) => imageOf({ index: 0, place: 'row 1', fields: { image } as RowFields });
  assert.deepEqual(await given(png), want);
  assert.deepEqual(await given({ bytes: png }), want);
  assert.deepEqual(
    await given([
      [0, 255],
      [7, 8],
    ]),
    { height: 2, width: 2, channels: 1, data: Uint8Array.of(0, 255, 7, 8) },
  );
  assert.deepEqual(await given([[[1, 2, 3]]]), { height: 1, width: 1, channels: 3, data: Uint8Array.of(1, 2, 3) });
});

test("rows of Parquet hold images as Python's datasets stores them", async () => {
  const names = ['png colour 2 depth 8', 'jpeg grey'];
  for await (const row of rowsOfFiles([fixture('images.parquet')])) {
    assert.equal(row.fields['label'], row.index);
    const each = decoded.find(({ name }) => name === names[row.index]) ?? assert.fail();
    assert.deepEqual(await imageOf(row), await decodeImage(bytesOf(each.file)));
  }
});

test('an image that cannot be read is an error with file and line', async () => {
  writeFileSync(join(folder, 'note.png'), 'no image');
  writeFileSync(join(folder, 'short.png'), png.subarray(0, 100));
  const outside = mkdtempSync(join(tmpdir(), 'tuneloop-outside-'));
  writeFileSync(join(outside, 'secret.png'), png);
  symlinkSync(join(outside, 'secret.png'), join(folder, 'link.png'));
  const cases: readonly (readonly [image: unknown, message: RegExp])[] = [
    ['gone.png', /image gone\.png: Cannot read .*gone\.png: it does not exist/],
    ['note.png', /image note\.png: expected a PNG or JPEG image but found bytes of another kind/],
    ['short.png', /image short\.png: expected \d+ bytes of IDAT at \d+ but the file ends before/],
    ['../a.png', /does not exist/],
    [join(outside, 'secret.png'), /expected a path below .* but found .*secret\.png/],
    ['link.png', /image link\.png: expected a path below/],
    ['.', /expected a path below/],
    ['below', /it is not a regular file/],
    ['data:image/png,plain', /image: expected a data URL in base64/],
    [{ bytes: '%%' }, /image: expected bytes in base64/],
    [
      { bytes: Buffer.from('GIF89a and more').toString('base64') },
      /expected a PNG or JPEG image but found a GIF image/,
    ],
    [7, /expected a path, \{"bytes"\}, a data URL or rows of pixels but found 7/],
    [[[1, 2], [3]], /expected rows of 2 pixels but found another at row 1/],
    [[[1, 256]], /expected integers from 0 to 255 but found 256 at row 0, column 1/],
    [[[[1, 2]]], /expected \[red, green, blue\] but found another pixel at row 0, column 0/],
    [[], /expected an image of 1 to \d+ pixels but found 0 × 0/],
  ];
  writeFileSync(join(folder, 'bad.jsonl'), cases.map(([image]) => `${JSON.stringify({ image })}\n`).join(''));
  let line = 0;
  for await (const row of rowsOfFiles([join(folder, 'bad.jsonl')])) {
    const [, message] = cases[line++] ?? assert.fail();
    await assert.rejects(imageOf(row), (error: Error) => {
      assert.match(error.message, message);
      return error.message.startsWith(`${join(folder, 'bad.jsonl')}, line ${line}: image`);
    });
  }
  assert.equal(line, cases.length);
  rmSync(outside, { recursive: true });
  const rowless = imageOf({ index: 0, place: 'row 1', fields: { image: 'a.png' } });
  await assert.rejects(rowless, /row 1: image a\.png: expected bytes or pixels but found the path/);
});

function chunk(type: string, body: Uint8Array): Uint8Array {
  const out = Buffer.alloc(body.length + 12);
  out.writeUInt32BE(body.length, 0);
  out.write(type, 4, 'latin1');
  out.set(body, 8);
  out.writeUInt32BE(crc32(out.subarray(4, 8 + body.length)), 8 + body.length);
  return out;
}

/** A PNG of grey bytes; `header` as it says, `pixels` as they are compressed. */
function pngOf(
  width: number,
  height: number,
  pixels: Uint8Array,
  [depth, colour]: readonly [number, number] = [8, 0],
): Uint8Array {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([depth, colour], 8);
  const body = new Uint8Array(deflateSync(pixels));
  const parts = [png.subarray(0, 8), chunk('IHDR', header), chunk('IDAT', body), chunk('IEND', new Uint8Array(0))];
  return new Uint8Array(Buffer.concat(parts));
}

test('a broken or hostile PNG is refused before it takes memory', async () => {
  assert.deepEqual((await decodeImage(pngOf(2, 1, Uint8Array.of(0, 5, 9)))).data, Uint8Array.of(5, 9));
  // Sixty million bytes of zeros behind one row: what is unpacked beyond the row is never held.
  const bomb = pngOf(2, 1, new Uint8Array(60_000_000));
  const before = process.memoryUsage().arrayBuffers;
  assert.deepEqual((await decodeImage(bomb)).data, Uint8Array.of(0, 0));
  assert.ok(process.memoryUsage().arrayBuffers - before < 20_000_000);
  const flipped = png.slice();
  flipped[20] = (flipped[20] ?? 0) ^ 1;
  for (const [bytes, message] of [
    [pngOf(100_000, 100_000, Uint8Array.of(0)), /expected an image of 1 to 67108864 pixels but found 100000 × 100000/],
    [pngOf(0, 4, Uint8Array.of(0)), /found 4 × 0/],
    [pngOf(8000, 8000, Uint8Array.of(0)), /expected 64008000 bytes of pixels but found \d+ compressed ones/],
    [pngOf(3, 2, Uint8Array.of(0, 1, 2, 3)), /expected 8 bytes of pixels but found 4/],
    [pngOf(2, 1, Uint8Array.of(9, 1, 2)), /a row's filter from 0 to 4 but found 9/],
    [pngOf(2, 1, Uint8Array.of(0, 1, 2), [8, 3]), /expected a colour of the palette but found 1/],
    [pngOf(2, 1, Uint8Array.of(0, 1, 2), [3, 0]), /expected a colour type, depth/],
    [flipped, /IHDR at 8 does not have the checksum that it states/],
    [png.subarray(0, 8), /expected an end \(IEND\)/],
  ] as const)
    await assert.rejects(decodeImage(bytes), message);
});

test('a JPEG that is cut or no JPEG is refused', async () => {
  const jpeg = bytesOf(decoded.find(({ name }) => name === 'jpeg 4:4:4')?.file ?? '');
  for (const cut of [3, 40, 200, 620])
    await assert.rejects(decodeImage(jpeg.subarray(0, cut)), /expected a JPEG image but found/, String(cut));
});
