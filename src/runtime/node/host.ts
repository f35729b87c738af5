import { onnxRuntimeVersion } from './library.ts';

/** Peak resident memory of this process in bytes. */
export const peakBytes = (): number => process.resourceUsage().maxRSS * 1024;

/** Versions of what computes, for a run's record. */
export const runtimeVersions = (): Record<string, string> => ({
  node: process.versions.node,
  onnxruntime: onnxRuntimeVersion,
});
