import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { TuneConfigInput } from '../../src/loop/config.ts';
import type { TuneEvent } from '../../src/loop/events.ts';
import { parseConfig } from '../../src/loop/parseConfig.ts';
import { runFolderAt } from '../../src/loop/runFolder.ts';
import { tune } from '../../src/loop/tune.ts';
import type { Engine } from '../../src/runtime/engine.ts';
import { ortEngine } from '../../src/runtime/node/ort-engine.ts';
import { bf16Sets, engineOf, found } from '../runtime/native/engines.ts';
import { fileURLToPath } from 'node:url';

const nano = fileURLToPath(new URL('../../assets/nano', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'tuneloop-memory-'));
const engine = ortEngine({ threads: 1 });
after(() => {
  engine.close();
  rmSync(folder, { recursive: true });
});
const data = join(folder, 'data.jsonl');
writeFileSync(data, `${JSON.stringify({ prompt: 'the cat', completion: ' sat on the mat'.repeat(20) })}\n`.repeat(16));

type PlanEvent = Extract<TuneEvent, { type: 'plan' }>;

/** The plan of a run on a machine with so much memory, and the parameters of its model. */
async function planOf(
  train: TuneConfigInput['train'],
  available: number,
  input: Partial<TuneConfigInput> = {},
  on: Engine = engine,
): Promise<PlanEvent & { readonly parameters: number }> {
  const config = parseConfig({
    ...input,
    model: { path: nano },
    data: { path: data, evalShare: 0.25 },
    train: { batchSize: 8, maxSteps: 2, ...train },
  });
  let plan: PlanEvent | undefined;
  let parameters = 0;
  await tune(config, {
    runFolder: runFolderAt(join(folder, 'never')),
    engine: on,
    host: { versions: {}, memory: { residentBytes: () => 1e8, availableBytes: () => available } },
    emit: (event) => {
      if (event.type === 'started') ({ parameters } = event);
      if (event.type === 'plan') plan = event;
    },
    dryRun: true,
  });
  return { ...(plan ?? assert.fail('no plan')), parameters };
}

test('memory is planned by what it consists of, before the first step', async () => {
  const { trainBytes = 0, evalBytes = 0, parts, parameters } = await planOf({}, 1e9);
  assert.ok(parts);
  const { presentBytes, growthBytes, weightBytes, stateBytes, valueBytes } = parts;
  assert.equal(trainBytes, presentBytes + growthBytes + weightBytes + stateBytes + valueBytes);
  assert.equal(presentBytes, 1e8);
  assert.equal(weightBytes, 4 * parameters);
  assert.ok(evalBytes > 1e8 && evalBytes < trainBytes, `${evalBytes}`);
  const smaller = await planOf({ batchSize: 2 }, 1e9);
  assert.ok((smaller.parts?.valueBytes ?? Infinity) < 0.5 * valueBytes);
  const again = await planOf({ gradientCheckpointing: true }, 1e9);
  assert.ok((again.parts?.valueBytes ?? Infinity) < valueBytes);
});

const bf16 = engineOf(bf16Sets[0], 1);

test('weights that the native engine holds in bf16 are planned so', { skip: found.missing }, async () => {
  const { parts, parameters } = await planOf({}, 1e9, {}, bf16());
  const each = (parts?.weightBytes ?? Infinity) / parameters;
  // Norms are read in f32.
  assert.ok(each > 2 && each < 2.05, `${each} bytes a parameter`);
});

test('answers and measuring what is forgotten are in the peak, beside the values of training', async () => {
  const alone = await planOf({}, 1e9, { forgetting: { measure: false }, samples: { prompts: 0 } });
  assert.equal(alone.answerBytes ?? alone.forgettingBytes, undefined);
  assert.ok((alone.peakBytes ?? 0) >= (alone.trainBytes ?? Infinity));
  const { peakBytes = 0, trainBytes = 0, answerBytes = 0, forgettingBytes = 0 } = await planOf({}, 1e9);
  assert.ok(peakBytes > (alone.peakBytes ?? Infinity) && trainBytes === alone.trainBytes);
  assert.ok(answerBytes < trainBytes && forgettingBytes < trainBytes);
  const graded = await planOf({}, 1e9, { reward: { path: 'exactMatch', maxNewTokens: 64 } });
  assert.ok((graded.answerBytes ?? 0) > answerBytes, 'rows of a whole batch against four');
  const short = peakBytes - 1e8 - 1e5;
  await assert.rejects(
    planOf({}, short),
    /Take forgetting\.measure false \(\d+ MB\), or samples\.prompts 0 \(\d+ MB\), or/,
  );
});

test('what needs more memory than there is is refused with the plan and with what fits', async () => {
  const only = { forgetting: { measure: false }, samples: { prompts: 0 } };
  const { peakBytes = 0 } = await planOf({}, 1e9, only);
  const short = peakBytes - 1e8 - 1e5;
  const refusal =
    /^Expected a run within the \d+ MB of memory that there are but \d+ MB are planned: 100 MB now, \d+ MB of growth, \d+ MB of weights, \d+ (?:kB|MB) of gradients and optimizer, \d+ MB of values for 8 x 128 tokens\. Take train\.gradientCheckpointing true \(\d+ MB\), or train\.batchSize 4 and train\.gradientAccumulationSteps 2 \(\d+ MB\), or a smaller data\.maxLength; train\.allowMemoryExcess starts it as it is$/;
  await assert.rejects(planOf({}, short, only), { name: 'RangeError', message: refusal });
  await assert.rejects(
    planOf({ gradientCheckpointing: true }, 1e5),
    /Take a smaller data\.maxLength, or a smaller model;/,
  );
  assert.ok(await planOf({ allowMemoryExcess: true }, short, only));
  assert.equal(existsSync(join(folder, 'never')), false);
});
