import { formatDuration } from '../loop/units.ts';
import type { CellsOptions } from '../papers/cells.ts';
import type { TrainedStep } from '../papers/lab.ts';
import type { Terminal } from './command.ts';
import { figuresText } from './paperText.ts';
import { statusLine } from './statusLine.ts';

interface Place {
  readonly seed: number;
  readonly arm: string;
}

/** Tells the arms of a recipe on stderr: their steps in one line of all that are under way, what each came to in one of its own. */
export function armProgress(terminal: Terminal) {
  const now = (): number => performance.now();
  const { line, status, end } = statusLine(terminal, { every: { terminal: 200, log: 30_000 }, length: 79, now });
  const live = new Map<string, string>();
  const nameOf = ({ seed, arm }: Place): string => `seed ${seed}, ${arm}`;
  return {
    line,
    end,
    step(place: Place, { run, step, steps, loss }: TrainedStep): void {
      live.set(nameOf(place), `${nameOf(place)}: ${run}, step ${step}/${steps}, loss ${loss.toFixed(3)}`);
      status(() => [...live.values()]);
    },
    arm: ({ figures, cost, done, total, ...place }: Parameters<NonNullable<CellsOptions['onArm']>>[0]): void => {
      live.delete(nameOf(place));
      line(
        `${done}/${total}  ${nameOf(place)}: ${figuresText(figures)}; ${formatDuration(cost.cpuSeconds)} of processor`,
      );
    },
  };
}
