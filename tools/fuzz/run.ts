import { getHeapStatistics } from 'node:v8';
import { draws, hashOf } from './draws.ts';
import { faultOf } from './judge.ts';
import type { FuzzCase, FuzzTarget } from './target.ts';

/** A case that did worse than a named error. */
export interface Finding {
  readonly target: string;
  readonly index: number;
  readonly fault: string;
  readonly error?: unknown;
}

export interface FuzzCount {
  readonly target: string;
  readonly cases: number;
  /** Cases that were refused with a named error; the rest was read. */
  readonly refused: number;
  readonly slowestMs: number;
  readonly slowest: number;
  readonly findings: readonly Finding[];
}

/** Longest that a case may compute. */
const maxMs = 2000;
/** Most that a reader may hold beyond a multiple of its input. */
const usualMiB = 96;

/** Case `index` of a target: a function of the seed alone. */
export function caseAt(target: FuzzTarget, seed: number, index: number): FuzzCase {
  return target.caseOf(draws(hashOf(`${seed} ${target.name} ${index}`)));
}

const cpuMs = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
};

const held = (): number => {
  const { used_heap_size: heap, external_memory: external } = getHeapStatistics();
  return heap + external;
};

/** Reads cases `first` to below `first + count` one after another; `at` is told of each before it is read. */
export async function fuzz(
  target: FuzzTarget,
  seed: number,
  first: number,
  count: number,
  at: (index: number) => void = () => {},
): Promise<FuzzCount> {
  const findings: Finding[] = [];
  let [refused, slowestMs, slowest] = [0, 0, first];
  const found = (index: number, fault: string, error?: unknown): void =>
    void findings.push({ target: target.name, index, fault, ...(error === undefined ? {} : { error }) });
  for (let index = first; index < first + count; index++) {
    at(index);
    const { input, read } = caseAt(target, seed, index);
    const before = held();
    const begun = cpuMs();
    try {
      await read();
    } catch (error) {
      refused++;
      const fault = faultOf(error, target.says);
      if (fault !== undefined) found(index, fault, error);
    }
    const ms = cpuMs() - begun;
    const grown = held() - before;
    if (ms > slowestMs) [slowestMs, slowest] = [ms, index];
    if (ms > maxMs) found(index, `took ${Math.round(ms)} ms`);
    if (grown > (target.mostMiB ?? usualMiB) * 2 ** 20 + 200 * input.length)
      found(index, `held ${Math.round(grown / 2 ** 20)} MiB for ${input.length} bytes`);
  }
  return { target: target.name, cases: count, refused, slowestMs, slowest, findings };
}
