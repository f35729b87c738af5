import { createInterface } from 'node:readline';

/** The step's largest delay of a 5 ms timer, in ms. */
async function withGap<T>(step: () => Promise<T>): Promise<{ result: T; gapMs: number }> {
  const period = 5;
  let last = performance.now();
  let gapMs = 0;
  const look = (): void => {
    const now = performance.now();
    gapMs = Math.max(gapMs, now - last - period);
    last = now;
  };
  const timer = setInterval(look, period);
  const result = await step();
  clearInterval(timer);
  look();
  return { result, gapMs };
}

const round = (value: number): number => Math.round(100 * value) / 100;

const say = (fields: object): void => void process.stdout.write(`${JSON.stringify(fields)}\n`);

/** The protocol of peers/protocol.py, with `gapMs` and CPU times beside the time of each step. */
export async function serve(ready: object, step: () => Promise<object>): Promise<void> {
  say({ ready: true, startMs: Math.round(performance.now()), ...ready });
  for await (const line of createInterface({ input: process.stdin })) {
    if (line.trim() === 'quit') break;
    if (line.trim() !== 'go') throw new RangeError(`Expected "go" or "quit" on stdin but found ${line}`);
    const [start, cpu] = [performance.now(), process.cpuUsage()];
    const { result, gapMs } = await withGap(step);
    const [ms, used] = [performance.now() - start, process.cpuUsage(cpu)];
    const peakRssMb = Math.round(process.resourceUsage().maxRSS / 1024);
    say({
      ms: round(ms),
      peakRssMb,
      gapMs: round(gapMs),
      userMs: used.user / 1000,
      systemMs: used.system / 1000,
      ...result,
    });
  }
}
