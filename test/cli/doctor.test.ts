import assert from 'node:assert/strict';
import { test } from 'node:test';
import { adviceFor, engineLine, type EngineReport } from '../../src/cli/doctor.ts';
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

test('a line of an engine says what its library was built without', () => {
  const report = { name: 'native', precision: 'fp32', instructionSet: 'avx512', error: 2e-7 } as const;
  const plain = 'engine native: works, fp32 on avx512, self-test off by 2.0e-7';
  assert.equal(engineLine(report), plain);
  assert.equal(
    engineLine({ ...report, leftOut: ['avx512bf16', 'amxbf16'] }),
    `${plain}; built without avx512bf16 and amxbf16, which its compiler does not know`,
  );
});
