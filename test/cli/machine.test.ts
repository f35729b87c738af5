import assert from 'node:assert/strict';
import { test } from 'node:test';
import { instructionSetsIn, readMachine } from '../../src/cli/machine.ts';

test('instruction sets are read from what Linux tells, on x64 and ARM64', () => {
  const x64 = 'processor\t: 0\nflags\t\t: fpu sse2 avx avx2 fma avx512f avx512_bf16\nbugs\t\t:\nprocessor\t: 1\n';
  assert.deepEqual(instructionSetsIn(x64), ['avx', 'avx2', 'fma', 'avx512f', 'avx512_bf16']);
  assert.deepEqual(instructionSetsIn('Features\t: fp asimd bf16 i8mm\n'), ['asimd', 'bf16', 'i8mm']);
  assert.deepEqual(instructionSetsIn('flags\t\t: fpu sse2\n'), []);
  assert.equal(instructionSetsIn('processor\t: 0\n'), undefined);
});

test('the machine has cores and memory', () => {
  const { cores, memoryBytes, freeBytes, node } = readMachine();
  assert.ok(cores >= 1 && memoryBytes > 1e8 && freeBytes > 0 && freeBytes <= memoryBytes * 1.01);
  assert.equal(node, process.version);
});
