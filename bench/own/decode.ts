// Greedy generation per line of stdin: exactly --new-tokens for each of --batch random prompts, stop tokens included, and before that one token alone.
import { randomKey, fillUniform } from '../../src/ir/random.ts';
import { generate } from '../../src/loop/generate.ts';
import { engineRecord } from '../../src/loop/engines.ts';
import { openModel, tokenizerOf } from '../../src/loop/model.ts';
import { count, modelFolder, readOptions } from '../lib/options.ts';
import {
  engineOptions,
  openEngine,
  printTimes,
  quantizationOf,
  quantizationOption,
  quantizedOption,
} from './engine.ts';
import { serve } from './serve.ts';

const options = readOptions('Greedy generation of ours, one batch per line of stdin.', {
  model: { help: 'FOLDER' },
  ...engineOptions,
  ...quantizationOption,
  ...quantizedOption,
  adapter: { help: 'FOLDER, switched on' },
  batch: { help: 'N prompts', default: '1' },
  'prompt-length': { help: 'N tokens', default: '64' },
  'new-tokens': { help: 'N', default: '64' },
});
const [batch, length, maxNewTokens] = (['batch', 'prompt-length', 'new-tokens'] as const).map((name) =>
  count(name, options[name]),
) as [number, number, number];
const { engine, native } = await openEngine(options);
const quantization = quantizationOf(options.quantization);
if (options.quantized !== undefined && (options.quantized !== 'tables' || quantization === undefined))
  throw new RangeError(`Expected --quantized tables with --quantization but found ${options.quantized}`);
const { adapter } = options;
const opened = await openModel({
  model: modelFolder(options.model),
  ...(quantization === undefined ? {} : { quantization, quantizeEmbeddings: options.quantized === 'tables' }),
  engine,
  ...(adapter === undefined ? {} : { adapter }),
});
// Nothing may end a row early: the peer's rows go on to the last token as well.
const loaded = { ...opened, tokenizer: { ...tokenizerOf(opened), eosTokenIds: [] } };
const prompts = Array.from({ length: batch }, (_, index) => {
  const uniform = new Float32Array(length);
  fillUniform(uniform, randomKey(42, 'prompt', index));
  return { index, ids: Array.from(uniform, (value) => 3 + Math.floor(value * (loaded.model.vocabSize - 3))) };
});
const settings = { batchSize: batch, temperature: 0, topK: 0, topP: 1, seed: 0 };

/** Milliseconds and tokens of one batch. */
async function timed(newTokens: number): Promise<{ ms: number; tokens: number }> {
  const start = performance.now();
  let tokens = 0;
  for await (const { ids } of generate(loaded, prompts, { ...settings, maxNewTokens: newTokens })) tokens += ids.length;
  return { ms: performance.now() - start, tokens };
}

await serve({ ...engineRecord(engine) }, async () => {
  const { ms: firstTokenMs } = await timed(1);
  const { ms: wholeMs, tokens } = await timed(maxNewTokens);
  if (native && options.profile !== undefined) printTimes(native);
  return { firstTokenMs, wholeMs, tokens };
});
await opened.close();
engine.close();
