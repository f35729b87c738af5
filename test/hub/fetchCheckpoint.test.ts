import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { openCheckpoint } from '../../src/hub/checkpoint.ts';
import { fetchCheckpoint } from '../../src/hub/fetchCheckpoint.ts';
import { loadTokenizer } from '../../src/hub/tokenizer.ts';
import { type SiteEntry, serveSite } from '../../tools/web/server.ts';

const folder = new URL('../../assets/nano', import.meta.url).pathname;
const temporary = mkdtempSync(join(tmpdir(), 'fetch-'));
for (const name of ['tokenizer.json', 'generation_config.json', 'chat_template.jinja']) {
  mkdirSync(join(temporary, name));
  writeFileSync(join(temporary, name, 'index.html'), '<!doctype html>');
}
const bytes = (text: string): SiteEntry => ({ bytes: new TextEncoder().encode(text) });
const config = { path: `${folder}/config.json` };
const site = await serveSite(
  {
    '/nano/': { path: folder },
    '/empty/': { path: `${folder}/nowhere` },
    '/weightless/config.json': config,
    '/broken/config.json': bytes('{"model_type":'),
    '/broken/model.safetensors': { path: `${folder}/model.safetensors` },
    '/short/config.json': config,
    '/short/model.safetensors': bytes('short'),
    // A one-page application's server has its page under every path.
    '/app/': { path: temporary },
    '/app/config.json': config,
    '/app/model.safetensors': { path: `${folder}/model.safetensors` },
  },
  { isolated: false },
);
after(async () => {
  await site.close();
  rmSync(temporary, { recursive: true });
});

test('a checkpoint behind a URL is the one in the folder', async () => {
  const [fetched, opened] = [await fetchCheckpoint(`${site.url}nano`), await openCheckpoint(folder)];
  assert.deepEqual(fetched.config, opened.config);
  assert.deepEqual(fetched.generationConfig, opened.generationConfig);
  assert.deepEqual([...fetched.tensors.keys()], [...opened.tensors.keys()]);
  assert.equal(await fetched.fingerprint(), await opened.fingerprint());
  const messages = [{ role: 'user', content: 'Two red balls.' }];
  const [own, same] = [fetched, opened].map(({ tokenizer }) =>
    loadTokenizer(tokenizer ?? assert.fail()).applyChatTemplate(messages, { addGenerationPrompt: true }),
  );
  assert.deepEqual(own, same);
  for (const each of [fetched, opened]) await each.close();
});

test('a page in place of a file is no file', async () => {
  const page = await fetch(`${site.url}app/tokenizer.json`);
  assert.deepEqual([page.status, await page.text()], [200, '<!doctype html>']);
  const { tokenizer, generationConfig, tensors } = await fetchCheckpoint(`${site.url}app/`);
  assert.equal(tokenizer, undefined);
  assert.equal(generationConfig, undefined);
  assert.ok(tensors.size > 10);
});

const refusals: readonly [string, string, RegExp][] = [
  ['nothing there', 'empty/', /empty\/: expected a checkpoint folder with config\.json but found none there/],
  ['no weights', 'weightless', /weightless: expected model\.safetensors in one piece but found none there/],
  ['a broken config', 'broken', /broken\/config\.json: expected JSON but found/],
  ['broken weights', 'short', /short\/model\.safetensors: expected 8 bytes at 0 but the file ends at 5/],
];
for (const [what, path, message] of refusals) {
  test(`refused by URL: ${what}`, async () => {
    await assert.rejects(fetchCheckpoint(site.url + path), message);
  });
}

test('fetching can be stopped', async () => {
  await assert.rejects(fetchCheckpoint(`${site.url}nano`, { signal: AbortSignal.abort() }), /aborted/);
});
