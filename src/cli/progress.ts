import type { TuneEvent } from '../loop/events.ts';
import { memoryWords } from '../loop/memoryPlan.ts';
import { formatBytes, formatDuration } from '../loop/units.ts';
import type { Terminal } from './command.ts';
import { statusLine } from './statusLine.ts';

/** What an evaluation measured, in words. */
function measuredText({ evalLoss, accuracy, reward, graded, best }: Extract<TuneEvent, { type: 'eval' }>): string {
  return [
    ...(evalLoss === undefined ? [] : [`evaluation loss ${evalLoss.toFixed(4)}`]),
    ...(accuracy === undefined ? [] : [`accuracy ${(100 * accuracy).toFixed(1)}%`]),
    ...(reward === undefined ? [] : [`reward ${reward.toFixed(4)} of ${graded} answers`]),
    ...(best === true ? ['the best so far'] : []),
  ].join(', ');
}

/** What each part of a run takes of memory, and what that consists of while it trains. */
function memoryLines(plan: Extract<TuneEvent, { type: 'plan' }>): string[] {
  const { trainBytes, evalBytes, answerBytes, forgettingBytes, parts } = plan;
  if (trainBytes === undefined || !parts) return [];
  const others = Object.entries({ evaluation: evalBytes, answers: answerBytes, forgetting: forgettingBytes });
  return [
    `Memory for training: ${formatBytes(trainBytes)}: ${memoryWords(parts)}`,
    ...others
      .filter(([, bytes]) => bytes !== undefined && bytes > trainBytes)
      .map(([name, bytes = 0]) => `Memory for ${name}: ${formatBytes(bytes)}, more than for training`),
  ];
}

const forgottenText = ({ forgetting, abilities, klNats }: Extract<TuneEvent, { type: 'forgetting' }>): string =>
  `forgot ${forgetting.value.toFixed(3)} nats/token, abilities ${abilities.right} of ${abilities.of}, KL to the base ${klNats.own.value.toFixed(3)} and on the task ${klNats.target.value.toFixed(3)}`;

export interface Progress {
  readonly emit: (event: TuneEvent) => void;
  /** Ends the line that is rewritten. */
  readonly end: () => void;
}

type Event<T extends TuneEvent['type']> = Extract<TuneEvent, { type: T }>;

const green = (text: string): string => `\u001b[32m${text}\u001b[39m`;

/** Tells a run on stderr: on a terminal one line that is rewritten, else a line now and then. */
export function tuneProgress(terminal: Terminal, now: () => number = () => performance.now()): Progress {
  let plan: Event<'plan'> | undefined;
  let startedAt = 0;
  const { line, status, end } = statusLine(terminal, { every: { terminal: 100, log: 5000 }, now });
  // Mean step time and rate over about the last ten steps.
  let [stepMs, rate] = [0, 0];
  /** Time that measuring took so far. */
  let measuredMs = 0;

  const secondsLeft = (step: number): number | undefined => {
    if (plan === undefined) return undefined;
    const measuring = Math.max(0, (plan.measureSeconds ?? 0) - measuredMs / 1000);
    const bySteps = ((plan.steps - step) * stepMs) / 1000 + measuring;
    const limit = plan.maxTimeMinutes;
    return limit === undefined ? bySteps : Math.min(bySteps, Math.max(0, limit * 60 - (now() - startedAt) / 1000));
  };

  const onStep = (event: Event<'step'>): void => {
    const weight = stepMs === 0 ? 1 : 0.1;
    stepMs += weight * (event.stepMs - stepMs);
    rate += weight * ((1000 * event.tokens) / event.stepMs - rate);
    const parts = (): string[] => {
      const left = secondsLeft(event.step);
      return [
        `step ${event.step}${plan === undefined ? '' : `/${plan.steps}`}`,
        `loss ${event.loss.toFixed(4)}`,
        ...(event.metrics?.['reward'] === undefined ? [] : [`reward ${event.metrics['reward'].toFixed(4)}`]),
        `${rate.toFixed(0)} tokens/s`,
        ...(left === undefined ? [] : [`${formatDuration(left)} left`]),
        ...(event.peakBytes === undefined ? [] : [`peak ${formatBytes(event.peakBytes)}`]),
      ];
    };
    status(parts, event.step === plan?.steps);
  };

  const onPlan = (event: Event<'plan'>): void => {
    plan = event;
    startedAt = now();
    const { stepSeconds, seconds, measureSeconds = 0, peakBytes } = event;
    const measures = measureSeconds > 0 ? `, ${formatDuration(measureSeconds)} of it for measuring` : '';
    line(
      [
        `Plan: ${event.steps} steps, ${Number(event.stepsPerEpoch.toFixed(2))} an epoch`,
        ...(stepSeconds === undefined || seconds === undefined
          ? []
          : [`about ${formatDuration(stepSeconds)} a step, ${formatDuration(seconds)} in all${measures}`]),
        ...(peakBytes === undefined ? [] : [`peak memory ${formatBytes(peakBytes)}`]),
      ].join('; '),
    );
    for (const text of memoryLines(event)) line(text);
  };

  const onStarted = (event: Event<'started'>): void => {
    const share = ((100 * event.trainedParameters) / event.parameters).toPrecision(3);
    const set = event.instructionSet === undefined ? '' : ` on ${event.instructionSet}`;
    const from = event.resumedFrom === undefined ? '' : `; goes on after step ${event.resumedFrom}`;
    line(
      `${event.trainedParameters} of ${event.parameters} parameters are trained (${share}%); engine ${event.engine}, ${event.precision}${set}${from}`,
    );
  };

  const emit = (event: TuneEvent): void => {
    switch (event.type) {
      case 'started':
        return onStarted(event);
      case 'preview':
        for (const note of event.notes) line(note);
        for (const token of event.example) line(terminal.tty && token.startsWith('+') ? green(token) : token);
        return;
      case 'plan':
        return onPlan(event);
      case 'step':
        return onStep(event);
      case 'eval':
        measuredMs += event.evalMs;
        return line(`step ${event.step}: ${measuredText(event)} (${formatDuration(event.evalMs / 1000)})`);
      case 'forgetting':
        measuredMs += event.measureMs;
        return line(`step ${event.step}: ${forgottenText(event)} (${formatDuration(event.measureMs / 1000)})`);
      case 'drift':
        return;
      case 'saved':
        return line(`step ${event.step}: saved ${event.path}`);
      case 'warning':
        return line(`Warning: ${event.message}`);
      case 'samples':
        measuredMs += event.sampleMs;
        return;
      case 'done':
        return;
    }
  };
  return { emit, end };
}
