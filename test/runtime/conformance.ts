import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Engine } from '../../src/runtime/engine.ts';
import { opCases, opError } from './opCases.ts';

/** Every sample of every op, forward and gradient, on an engine against the f64 reference. */
export function testOps(name: string, engine: () => Engine, skip: string | false = false): void {
  for (const each of opCases) {
    test(`${each.name}: ${name} against the reference`, { skip }, async () => {
      const found = await opError(engine(), each);
      if (found) assert.ok(found.error <= each.tolerance, `${found.output}: relative error ${found.error}`);
    });
  }
}
