import { readFileSync } from 'node:fs';
import { availableParallelism, freemem, totalmem } from 'node:os';
import { onnxRuntimeVersion } from './library.ts';
import { packageVersion } from './version.ts';

/** Peak resident memory of this process in bytes. */
export const peakBytes = (): number => process.resourceUsage().maxRSS * 1024;

/** Processor time that all threads of this process took so far, in milliseconds. */
export function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** Resident memory of this process in bytes. */
const residentBytes = (): number => process.memoryUsage.rss();

/** What a control group's processes hold of their own, its cached files left out; undefined where there is none of version 2. */
function groupBytes(): number | undefined {
  try {
    const path = /^0::(.*)$/m.exec(readFileSync('/proc/self/cgroup', 'utf8'))?.[1] ?? '/';
    const stat = readFileSync(`/sys/fs/cgroup${path === '/' ? '' : path}/memory.stat`, 'utf8');
    const found = /^anon (\d+)$/m.exec(stat)?.[1];
    return found === undefined ? undefined : Number(found);
  } catch {
    // Only Linux has these files.
    return undefined;
  }
}

/** Memory that this process could still take: what is free on the machine, and within its control group's limit. */
export function availableBytes(): number {
  const limit = process.constrainedMemory();
  if (limit <= 0 || limit >= totalmem()) return freemem();
  const held = groupBytes();
  return Math.min(freemem(), held === undefined ? process.availableMemory() : Math.max(0, limit - held));
}

/** Threads that this process may use at once. */
export const coreCount = (): number => availableParallelism();

/** What a run plans its memory with. */
export const hostMemory = { residentBytes, availableBytes };

/** Versions of what computes, for a run's record. */
export const runtimeVersions = (): Record<string, string> => ({
  tuneloop: packageVersion(),
  node: process.versions.node,
  onnxruntime: onnxRuntimeVersion,
});
