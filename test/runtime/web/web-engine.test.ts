import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, test } from 'node:test';
import { randomService } from '../../../src/runtime/random.ts';
import type { WebEngineOptions } from '../../../src/runtime/web/web-engine.ts';
import { noChromium } from '../../../tools/web/chromium.ts';
import { gapsIn } from '../../../tools/web/gaps.ts';
import { browserWorkers } from '../../../tools/web/workers.ts';
import { engineCases } from '../engineConformance.ts';
import { type OpCase, opCases } from '../opCases.ts';
import { trainingCases } from '../trainingCases.ts';
import { randomNumbers } from './randomNumbers.ts';
import type { Outcome } from './worker.ts';

const skip = noChromium;
const workers = browserWorkers('test/runtime/web/worker.ts', { pages: ['test/runtime/web/page.ts'] });
after(() => workers.close());
const providers: readonly WebEngineOptions[] = [{ provider: 'wasm', threads: 2 }, { provider: 'webgpu' }];

const outcomesOf = (name: string, options: WebEngineOptions, cases: readonly { readonly name: string }[]) =>
  workers.ask({ name, options, only: cases.map((each) => each.name) }) as Promise<Record<string, Outcome>>;

/** SwiftShader compiles for minutes: here one sample of each op, in the list all. */
const light = opCases.filter(({ elements, isFirst }) => elements <= 512 && isFirst);
const casesOf: Readonly<Record<string, readonly OpCase[]>> = { wasm: opCases, webgpu: light };
const listed = gapsIn(readFileSync(new URL('../../../docs/webgpu.md', import.meta.url), 'utf8'));

for (const options of providers) {
  const { provider = 'wasm' } = options;
  const cases = casesOf[provider] ?? [];
  // One worker for all: a browser's start and a provider's take longer than hundreds of small graphs.
  let found: Promise<Record<string, Outcome>> | undefined;
  const gaps = provider === 'webgpu' ? listed : new Set<string>();
  for (const { name, tolerance } of cases) {
    test(`${name}: ${provider} against the reference`, { skip }, async () => {
      found ??= outcomesOf('ops', options, cases);
      const { output, error = 0, refused } = (await found)[name] ?? assert.fail('not run');
      const holds = refused === undefined && error <= tolerance;
      if (gaps.has(name)) assert.ok(!holds, 'docs/webgpu.md lists it: run node tools/web/gaps.ts');
      else assert.ok(holds, refused ?? `${output}: relative error ${error}`);
    });
  }

  let trained: Promise<Record<string, Outcome>> | undefined;
  for (const { name } of trainingCases) {
    test(`a step of ${name} has the same gradients on ${provider}`, { skip }, async () => {
      trained ??= outcomesOf('training', options, trainingCases);
      const { error = Number.NaN, refused } = (await trained)[name] ?? assert.fail('not run');
      assert.ok(error < 1e-5, refused ?? `relative error ${error}`);
    });
  }

  let held: Promise<Record<string, Outcome>> | undefined;
  for (const { name } of engineCases) {
    test(`ort-${provider}: ${name}`, { skip }, async () => {
      held ??= outcomesOf('engine', options, engineCases);
      assert.deepEqual((await held)[name], {});
    });
  }
}

test('every case that docs/webgpu.md lists exists', () => {
  const names = new Set(opCases.map(({ name }) => name));
  for (const name of listed) assert.ok(names.has(name), name);
  assert.ok(listed.size > 0);
});

test('random numbers in a browser are those of Node, bit for bit', { skip }, async () => {
  const found = await workers.ask({ name: 'random', options: {} });
  assert.deepEqual(found, await randomNumbers(randomService()));
});

test('the engine says how many threads it has: all cores on an isolated page, else one', { skip }, async () => {
  const task = { name: 'describe', options: {} };
  assert.match(String(await workers.ask(task)), /^ONNX Runtime 1\.30\.0, WebAssembly, (one thread|\d+ threads)$/);
  assert.equal(await workers.ask(task, { isolated: false }), 'ONNX Runtime 1.30.0, WebAssembly, one thread');
});

const refusals: readonly [string, object, boolean, RegExp][] = [
  [
    'threads on a page that is not isolated',
    { name: 'describe', options: { threads: 2 } },
    false,
    /Expected 1 thread, because the page is not cross-origin isolated, but found 2; serve it with Cross-Origin-Opener/,
  ],
  [
    'threads for WebGPU',
    { name: 'describe', options: { provider: 'webgpu', threads: 2 } },
    true,
    /threads is for wasm/,
  ],
  [
    'a folder without the files',
    { name: 'describe', options: { files: '/elsewhere' } },
    true,
    /Expected ort\.wasm\.min\.mjs, ort-wasm-simd-threaded\.mjs, .* of onnxruntime-web 1\.30\.0 in http:.*\/elsewhere\//,
  ],
  [
    'an op that WebGPU cannot honour, when the program is loaded',
    { name: 'integers', options: { provider: 'webgpu' } },
    true,
    /ONNX Runtime's WebGPU provider cannot run sliceOfInts\(i32\[3\]\): .*fallback to CPU EP has been explicitly disabled/,
  ],
];
for (const [what, task, isolated, message] of refusals) {
  test(`refused by name: ${what}`, { skip }, async () => {
    await assert.rejects(workers.ask(task, { isolated }), message);
  });
}

test('refused by name: the page’s own thread', { skip }, async () => {
  await assert.rejects(
    workers.askPage('test/runtime/web/page.ts', {}),
    /webEngine blocks the thread that it runs on: expected a Worker/,
  );
});
