import type { Contestant, Reply } from './contestant.ts';
import { machineCpuMs, quiet } from './load.ts';
import { median, type Spread, spread } from './statistics.ts';

/** One step of one contestant and what else ran meanwhile, in cores. */
export interface Turn {
  readonly reply: Reply;
  /** The other contestants: they should sleep. */
  readonly idleCores: number | undefined;
  /** Everything that is not a contestant. */
  readonly foreignCores: number | undefined;
}

export interface Summary {
  readonly ms: Spread;
  /** How often its first step's end came after the process's start. */
  readonly firstStepMs: number;
  readonly peakRssMb: number;
  readonly idleCores: number | undefined;
  readonly foreignCores: number | undefined;
  readonly ready: Reply;
  readonly turns: readonly Turn[];
}

const sumOf = (values: readonly (number | undefined)[]): number | undefined =>
  values.includes(undefined) ? undefined : values.reduce<number>((sum, value) => sum + (value ?? 0), 0);

async function turn(contestant: Contestant, all: readonly Contestant[]): Promise<Turn> {
  const others = all.filter((other) => other !== contestant);
  const used = () => ({
    own: contestant.cpuMs(),
    others: sumOf(others.map((other) => other.cpuMs())),
    machine: machineCpuMs(),
  });
  const [before, start] = [used(), performance.now()];
  const reply = await contestant.step();
  const [after, elapsed] = [used(), performance.now() - start];
  const delta = (key: keyof typeof before): number | undefined => {
    const [from, to] = [before[key], after[key]];
    return from === undefined || to === undefined ? undefined : to - from;
  };
  const [mine, idle, machine] = [delta('own'), delta('others'), delta('machine')];
  return {
    reply,
    idleCores: idle === undefined ? undefined : idle / elapsed,
    foreignCores:
      mine === undefined || idle === undefined || machine === undefined ? undefined : (machine - mine - idle) / elapsed,
  };
}

const known = (values: readonly (number | undefined)[]): number[] => values.filter((value) => value !== undefined);

/**
 * One step each, round by round, every other round in reverse order, so that a drift of the machine meets all alike.
 * Before a round it waits up to `quietSeconds` for the machine to be idle.
 */
export async function alternate(
  contestants: readonly Contestant[],
  rounds: number,
  quietSeconds: number,
): Promise<Map<string, Summary>> {
  const turns = new Map<Contestant, Turn[]>(contestants.map((contestant) => [contestant, []]));
  for (let round = 0; round < rounds; round++) {
    await quiet(quietSeconds);
    const order = round % 2 === 0 ? contestants : contestants.toReversed();
    for (const contestant of order) turns.get(contestant)?.push(await turn(contestant, contestants));
  }
  const msOf = (contestant: Contestant | undefined): number[] =>
    (contestant ? (turns.get(contestant) ?? []) : []).map(({ reply }) => Number(reply['ms']));
  return new Map(
    contestants.map((contestant): [string, Summary] => {
      const taken = turns.get(contestant) ?? [];
      const times = msOf(contestant);
      return [
        contestant.name,
        {
          ms: spread(times),
          firstStepMs: contestant.firstStepMs,
          peakRssMb: Math.max(...taken.map(({ reply }) => Number(reply['peakRssMb']))),
          idleCores: median(known(taken.map(({ idleCores }) => idleCores))),
          foreignCores: median(known(taken.map(({ foreignCores }) => foreignCores))),
          ready: contestant.ready,
          turns: taken,
        },
      ];
    }),
  );
}

/** What a reply measured, of one contestant over that of another in the same round. */
export const pairedRatio = (summary: Summary, over: Summary, measured: (reply: Reply) => number): Spread =>
  spread(summary.turns.map(({ reply }, round) => measured(reply) / measured(over.turns[round]?.reply ?? {})));

/** Rounds in which nothing but the contestants ran: each had less than a tenth of a core taken from it. */
export function quietRounds(summaries: ReadonlyMap<string, Summary>): number[] {
  const all = [...summaries.values()].map(({ turns }) => turns);
  return (all[0] ?? []).flatMap((_, round) =>
    all.every((turns) => (turns[round]?.foreignCores ?? Infinity) < 0.1) ? [round] : [],
  );
}
