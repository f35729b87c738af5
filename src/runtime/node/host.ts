import { onnxRuntimeVersion } from './library.ts';
import { packageVersion } from './version.ts';

/** Peak resident memory of this process in bytes. */
export const peakBytes = (): number => process.resourceUsage().maxRSS * 1024;

/** Versions of what computes, for a run's record. */
export const runtimeVersions = (): Record<string, string> => ({
  tuneloop: packageVersion(),
  node: process.versions.node,
  onnxruntime: onnxRuntimeVersion,
});
