import { type Draw, draws } from '../fuzz/draws.ts';
import type { CliOptions } from './cli.ts';
import type { Scenario } from './scenario.ts';

export interface Killed {
  readonly scenario: string;
  readonly byTime: number;
  readonly byChange: number;
  /** Kills that came after the end: nothing was broken, and they are drawn again. */
  readonly late: number;
}

const pointOf = (draw: Draw, { ms, changes }: Scenario, byTime: boolean): CliOptions =>
  byTime ? { killAfterMs: (draw(10_000) / 10_000) * ms } : { killAtChange: 1 + draw(changes) };

/** Kills a scenario at so many random points, by turns at a moment and at a change of files, and checks what it leaves. Error at the first that does not hold, naming the point. */
export async function killAt(
  scenario: Scenario,
  points: number,
  seed: number,
  tell: (line: string) => void = () => {},
): Promise<Killed> {
  const draw = draws(seed);
  const counts = { byTime: 0, byChange: 0, late: 0 };
  while (counts.byTime + counts.byChange < points) {
    const byTime = (counts.byTime + counts.byChange) % 2 === 1;
    const point = pointOf(draw, scenario, byTime);
    let killed: boolean;
    try {
      killed = await scenario.once(point);
    } catch (cause) {
      throw new Error(
        `${scenario.name}, killed at ${JSON.stringify(point)}: ${cause instanceof Error ? cause.message : String(cause)}`,
        { cause },
      );
    }
    if (killed) counts[byTime ? 'byTime' : 'byChange']++;
    else if (++counts.late > 3 * points) throw new Error(`${scenario.name}: kills come after its end`);
    tell(`${scenario.name} ${JSON.stringify(point)}: ${killed ? 'holds' : 'came after the end'}`);
  }
  return { scenario: scenario.name, ...counts };
}
