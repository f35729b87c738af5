import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, test } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import { servePage } from '../../examples/browser/serve.ts';
import { memoryFile } from '../../src/hub/byte-file.ts';
import { readSafetensors } from '../../src/hub/safetensors.ts';
import { launchChromium, noChromium } from '../../tools/web/chromium.ts';
import type { Site } from '../../tools/web/server.ts';

const skip = noChromium;
let opened: { readonly site: Site; readonly browser: Browser; readonly page: Page } | undefined;
const faults: string[] = [];
after(async () => {
  await opened?.browser.close();
  await opened?.site.close();
});

async function openPage(): Promise<Page> {
  if (opened) return opened.page;
  const [site, browser] = await Promise.all([servePage(), launchChromium()]);
  const page = await browser.newPage({ viewport: { width: 360, height: 740 }, colorScheme: 'dark' });
  page.setDefaultTimeout(240_000);
  page.on('pageerror', ({ message }) => faults.push(message));
  page.on('console', (message) => message.type() === 'error' && faults.push(message.text()));
  opened = { site, browser, page };
  await page.goto(site.url);
  return page;
}

const textOf = async (page: Page, id: string): Promise<string> => (await page.textContent(`#${id}`)) ?? '';

/** Trains and waits for the end; returns what the page says then. */
async function train(page: Page, steps: number, whileTraining?: () => Promise<void>): Promise<string> {
  await page.fill('#steps', String(steps));
  await page.click('#train');
  await page.waitForSelector('#run:not([hidden])');
  await whileTraining?.();
  await page.waitForSelector('#after:not([hidden]), #status.failed');
  return textOf(page, 'status');
}

test('the example page fine-tunes a model in the browser until it is stopped', { skip }, async () => {
  const page = await openPage();
  const status = await train(page, 1000, async () => {
    await page.waitForFunction("parseInt(document.getElementById('step').textContent) >= 25");
    await page.click('#stop');
  });
  const steps = Number(/^Trained for (\d+) steps\.$/.exec(status)?.[1]);
  assert.ok(steps >= 25 && steps < 1000, status);
  assert.equal(await textOf(page, 'step'), `${steps} of 1000`);
  const [first, last] = [Number(await textOf(page, 'top')), Number(await textOf(page, 'loss'))];
  assert.ok(first > 6 && last < 1, `loss from ${first} to ${last}`);
  assert.equal(await page.locator('#rows li').count(), 6);
  for (const answer of await page.locator('#rows .turn:last-of-type .text').allTextContents())
    assert.match(answer, /^\["/);
});

test('it answers with and without the adapter', { skip }, async () => {
  const page = await openPage();
  await page.click('#asking button');
  await page.waitForSelector('#reply:not([hidden])');
  assert.match(await textOf(page, 'tuned'), /^\["/);
  assert.notEqual(await textOf(page, 'plain'), await textOf(page, 'tuned'));
});

test('it hands out the adapter as PEFT writes it', { skip }, async () => {
  const page = await openPage();
  const read = async (name: string): Promise<Buffer> => {
    const [download] = await Promise.all([page.waitForEvent('download'), page.click(`#files a[download="${name}"]`)]);
    return readFileSync(await download.path());
  };
  const config = JSON.parse(String(await read('adapter_config.json'))) as Record<string, unknown>;
  assert.deepEqual([config['peft_type'], config['r'], config['base_model_name_or_path']], ['LORA', 16, 'nano']);
  const bytes = await read('adapter_model.safetensors');
  const { tensors } = await readSafetensors(memoryFile('adapter_model.safetensors', bytes));
  assert.equal(tensors.size, 6 * 7 * 2);
  const b = tensors.get('base_model.model.model.layers.0.self_attn.q_proj.lora_B.weight') ?? assert.fail();
  const values = new Float32Array(192 * 16);
  await b.readF32(values);
  assert.ok(values.some((value) => value !== 0));
});

test('it fits a phone and reports nothing to the console', { skip }, async () => {
  const page = await openPage();
  assert.ok(Number(await page.evaluate('document.documentElement.scrollWidth - innerWidth')) <= 0);
  assert.deepEqual(faults, []);
});

test('a failure is shown, and the page can train again', { skip }, async () => {
  const page = await openPage();
  await page.route('**/nano/config.json', (route) => route.fulfill({ status: 404 }));
  assert.match(await train(page, 2), /nano\/: expected a checkpoint folder with config\.json but found none there/);
  assert.equal(await page.isEnabled('#train'), true);
});
