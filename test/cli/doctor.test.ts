import assert from 'node:assert/strict';
import { test } from 'node:test';
import { adviceFor, type EngineReport } from '../../src/cli/doctor.ts';
import type { Machine } from '../../src/cli/machine.ts';

const machine: Machine = {
  platform: 'linux x64',
  processor: 'any',
  cores: 2,
  instructionSets: ['avx2'],
  memoryBytes: 16e9,
  freeBytes: 8e9,
  node: 'v26',
};

const engines = (broken: readonly string[]): EngineReport[] =>
  (['ort', 'native', 'reference'] as const).map((name) =>
    broken.includes(name) ? { name, problem: 'absent' } : { name },
  );

test('advice names each engine that is missing and what to do, and is silent where all is there', () => {
  assert.deepEqual(adviceFor(machine, engines([])), []);
  const [native, ...rest] = adviceFor(machine, engines(['native']));
  assert.match(native ?? '', /--engine native is missing; --engine auto takes ONNX Runtime\. .* C\+\+17 compiler/);
  assert.deepEqual(rest, []);
  const both = adviceFor(machine, engines(['native', 'ort']));
  assert.match(both[0] ?? '', /install the package again/);
  assert.match(both[1] ?? '', /--engine native is missing\. /);
  assert.match(adviceFor(machine, engines(['reference'])).join(), /judges the others/);
});

test('advice names what makes training slow', () => {
  assert.match(adviceFor({ ...machine, instructionSets: ['avx'] }, engines([])).join(), /no AVX2/);
  assert.match(adviceFor({ ...machine, freeBytes: 1e9 }, engines([])).join(), /1\.00 GB of memory are free/);
});
