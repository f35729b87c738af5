import type { CompareEvent } from '../loop/compare/events.ts';
import { formatBytes, formatDuration } from '../loop/units.ts';
import type { Terminal } from './command.ts';
import { statusLine } from './statusLine.ts';

export interface CompareProgress {
  readonly emit: (event: CompareEvent) => void;
  /** Ends the line that is rewritten. */
  readonly end: () => void;
}

interface Live {
  step: number;
  steps: number | undefined;
  loss: number | undefined;
}

/** Tells a comparison on stderr: what begins and ends in lines of its own, the steps in one line of all runs. */
export function compareProgress(terminal: Terminal, now: () => number = () => performance.now()): CompareProgress {
  const live = new Map<string, Live>();
  let [ended, runs, beganAt] = [0, 0, now()];
  const { line, status, end } = statusLine(terminal, { every: { terminal: 200, log: 10_000 }, length: 79, now });
  const parts = (): string[] => {
    const steps = [...live].map(
      ([name, { step, steps, loss }]) =>
        `${name} step ${step}${steps === undefined ? '' : `/${steps}`}${loss === undefined ? '' : ` loss ${loss.toFixed(3)}`}`,
    );
    // Runs under way count by their share of steps.
    const begun = [...live.values()].reduce(
      (sum, { step, steps }) => sum + (steps === undefined ? 0 : step / steps),
      0,
    );
    const share = runs === 0 ? 0 : (ended + begun) / runs;
    const left = share > 0.05 ? [`${formatDuration(((now() - beganAt) / 1000) * (1 / share - 1))} left`] : [];
    return [`${ended} of ${runs} runs done`, ...left, ...steps];
  };
  const onRun = ({ method, seed, event }: Extract<CompareEvent, { type: 'run' }>): void => {
    const key = `${method} ${seed}`;
    const run = live.get(key);
    if (!run) return;
    if (event.type === 'plan') run.steps = event.steps;
    if (event.type === 'started' && event.resumedFrom !== undefined) run.step = event.resumedFrom;
    if (event.type === 'warning' || event.type === 'notice') line(`${key}: ${event.message}`);
    if (event.type !== 'step') return;
    run.step = event.step;
    run.loss = event.loss;
    status(parts);
  };
  const emit = (event: CompareEvent): void => {
    switch (event.type) {
      case 'notice':
        return line(event.message);
      case 'checked': {
        const { method, steps, parameters, trainedParameters, bytes, seconds } = event;
        const share = ((100 * trainedParameters) / parameters).toPrecision(3);
        return line(
          [
            `${method}: ${steps} steps, ${trainedParameters} of ${parameters} parameters trained (${share}%)`,
            ...(bytes === undefined ? [] : [`peak memory ${formatBytes(bytes)} as planned`]),
            ...(seconds === undefined ? [] : [`about ${formatDuration(seconds)} a run on all cores`]),
          ].join(', '),
        );
      }
      case 'failed':
        return line(`${event.method}${event.seed === undefined ? '' : ` ${event.seed}`} failed: ${event.message}`);
      case 'started':
        ({ runs } = event);
        beganAt = now();
        return line(
          `${event.runs} runs to come${event.done === 0 ? '' : `, ${event.done} are done`}; ${event.parallel} side by side, ${event.threads} ${event.threads === 1 ? 'thread' : 'threads'} each`,
        );
      case 'runStarted':
        live.set(`${event.method} ${event.seed}`, { step: 0, steps: undefined, loss: undefined });
        return;
      case 'run':
        return onRun(event);
      case 'output':
        return line(`${event.method}${event.seed === undefined ? '' : ` ${event.seed}`}: ${event.text.trimEnd()}`);
      case 'runEnded': {
        const { seed, state, figures, step } = event.run;
        live.delete(`${event.method} ${seed}`);
        if (state !== 'missing') ended++;
        if (state !== 'done') return;
        const { gain, forgetting, cpuSeconds } = figures ?? {};
        return line(
          [
            `${event.method} ${seed}: done at step ${step ?? 0}`,
            ...(gain === undefined ? [] : [`gain ${gain.toFixed(3)}`]),
            ...(forgetting === undefined ? [] : [`forgetting ${forgetting.toFixed(3)}`]),
            ...(cpuSeconds === undefined ? [] : [`cost ${formatDuration(cpuSeconds)}`]),
          ].join(', '),
        );
      }
      case 'result':
        return;
    }
  };
  return { emit, end };
}
