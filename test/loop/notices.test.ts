import assert from 'node:assert/strict';
import { test } from 'node:test';
import { full } from '../../src/adapters/full.ts';
import { lora } from '../../src/adapters/lora.ts';
import type { Adapter } from '../../src/adapters/adapter.ts';
import { openModel } from '../../src/loop/model.ts';
import type { LanguageModel } from '../../src/nn/model.ts';
import { fixture } from '../parity.ts';
import { bf16Sets, engineOf, found, instructionSets } from '../runtime/native/engines.ts';

const lowRank = { r: 4, loraAlpha: 8, loraDropout: 0, useRslora: false, initLoraWeights: false } as const;
const onLora = (model: LanguageModel): Adapter =>
  lora({ ...lowRank, targetModules: 'all-linear', rankPattern: {}, alphaPattern: {} }, model);
const [wide, narrow] = [engineOf(instructionSets[0]), engineOf(bf16Sets[0])];

for (const [name, open, make, told] of [
  ['a model in bf16', narrow, full, true],
  ['a model in fp32', wide, full, false],
  ['an adapter in bf16', narrow, onLora, false],
] as const)
  test(
    `who trains ${name} is ${told ? '' : 'not '}told that evaluations round its weights`,
    { skip: found.missing },
    async () => {
      const loaded = await openModel({
        model: fixture('models/default'),
        engine: open(),
        newAdapter: { make, seed: 1 },
      });
      assert.equal(
        loaded.notices.some((notice) => notice.includes('round the trained weights to bf16')),
        told,
      );
      await loaded.close();
    },
  );
