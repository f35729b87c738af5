import { after } from 'node:test';
import type { Engine } from '../../src/runtime/engine.ts';
import { nativeEngine } from '../../src/runtime/node/native-engine.ts';
import { ortEngine } from '../../src/runtime/node/ort-engine.ts';
import { referenceEngine } from '../../src/runtime/reference.ts';
import { found } from './native/engines.ts';

/** Every engine that runs here, the reference first, closed after the tests; the native one where it can be built. */
export const engines: readonly Engine[] = [
  referenceEngine(),
  ortEngine({ threads: 2 }),
  ...(found.library === undefined ? [] : [nativeEngine({ library: found.library, threads: 2 })]),
];
after(() => engines.forEach((engine) => engine.close()));

/** Engines that compute in f32. */
export const fastEngines: readonly Engine[] = engines.slice(1);
