/**
 * Generation with an adapter and without it, side by side.
 *
 *     node generate.ts MODEL runs/first/adapter "2 + 2 ="
 */
import { generate, loadModel, streamGenerate } from 'tuneloop';

const [name = 'nano', adapter = 'runs/first/adapter', ...texts] = process.argv.slice(2);
const prompts = texts.length > 0 ? texts : ['Once upon a time'];

const base = await loadModel(name);
const before: string[] = [];
for await (const { text } of generate(base, prompts, { maxNewTokens: 16 })) before.push(text);
await base.close();

const tuned = await loadModel(name, { adapter });
for await (const { index, text } of generate(tuned, prompts, { maxNewTokens: 16 })) {
  console.log(`${prompts[index]}\n  before: ${before[index]}\n  after:  ${text}`);
}

// Sampled, and told as it comes. A chat model takes { messages: [{ role: 'user', content: '…' }] } as well.
const sampling = { maxNewTokens: 16, temperature: 0.8, topP: 0.95, seed: 1 };
for await (const event of streamGenerate(tuned, prompts.slice(0, 1), sampling)) {
  if (event.type === 'text') process.stdout.write(event.text);
}
process.stdout.write('\n');
await tuned.close();
