import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

const ticksPerSecond = 100;

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    // Only Linux has these files, and a process may have ended.
    return undefined;
  }
}

/** CPU time of a process in ms, all threads; undefined where the platform does not say. */
export function cpuMs(pid: number): number | undefined {
  const fields = read(`/proc/${pid}/stat`)
    ?.replace(/^.*\) /s, '')
    .split(' ');
  if (!fields) return undefined;
  return ((Number(fields[11]) + Number(fields[12])) * 1000) / ticksPerSecond;
}

/** CPU time that the whole machine has spent, in ms; undefined where the platform does not say. */
export function machineCpuMs(): number | undefined {
  const [user, nice, system, , , irq, softirq] = (
    read('/proc/stat')?.split('\n')[0]?.trim().split(/\s+/).slice(1) ?? []
  ).map(Number);
  if (user === undefined || nice === undefined || system === undefined) return undefined;
  return ((user + nice + system + (irq ?? 0) + (softirq ?? 0)) * 1000) / ticksPerSecond;
}

/** Waits until the machine was nearly idle for half a second, at most `seconds`; false when it never was. */
export async function quiet(seconds: number): Promise<boolean> {
  const end = performance.now() + 1000 * seconds;
  for (;;) {
    const [before, start] = [machineCpuMs(), performance.now()];
    await sleep(500);
    const after = machineCpuMs();
    if (before === undefined || after === undefined) return true;
    if ((after - before) / (performance.now() - start) < 0.1) return true;
    if (performance.now() > end) return false;
  }
}
