/** Limits that ONNX Runtime's kernels go by: as much of each as the adapter has. */
const limits = [
  'maxStorageBufferBindingSize',
  'maxBufferSize',
  'maxComputeWorkgroupStorageSize',
  'maxComputeWorkgroupsPerDimension',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupSizeX',
  'maxComputeWorkgroupSizeY',
  'maxComputeWorkgroupSizeZ',
  'maxStorageBuffersPerShaderStage',
] as const;

/** Features that its kernels use where they are there. */
const features = ['shader-f16', 'subgroups'] as const;

/** A device of the browser's fastest adapter, one per engine. Throws Error where the browser has no WebGPU. */
export async function openDevice(): Promise<GPUDevice> {
  const adapter =
    'gpu' in navigator ? await navigator.gpu.requestAdapter({ powerPreference: 'high-performance' }) : null;
  if (adapter === null)
    throw new Error("Expected WebGPU in this browser but found no adapter; provider 'wasm' runs without one");
  return adapter.requestDevice({
    requiredFeatures: features.filter((feature) => adapter.features.has(feature)),
    requiredLimits: Object.fromEntries(limits.map((name) => [name, adapter.limits[name]])),
  });
}
