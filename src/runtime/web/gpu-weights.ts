import type * as Ort from 'onnxruntime-web';
import { sizeOf } from '../../ir/types.ts';
import type { WeightHandle } from '../weights.ts';

/** Weights in the graphics card's memory: each once, whatever number of programs reads it, renewed when its version rises. */
export interface GpuWeights {
  /** The weight's tensor for a reader, which keeps it there. Throws RangeError naming a weight that is too large. */
  tensor(weight: WeightHandle, reader: object): Promise<Ort.Tensor>;
  /** Frees what no other reader has asked for. */
  release(reader: object): void;
}

interface Resident {
  readonly buffer: GPUBuffer;
  readonly tensor: Ort.Tensor;
  readonly readers: Set<object>;
  version: number;
}

/** GPUBufferUsage: STORAGE, COPY_SRC and COPY_DST. */
const usage = 0x80 | 0x4 | 0x8;

export function gpuWeights(ort: typeof Ort, device: GPUDevice): GpuWeights {
  const resident = new Map<WeightHandle, Resident>();

  const allocate = ({ name, shape }: WeightHandle): Resident => {
    // The provider's kernels read whole vectors of four.
    const size = 16 * Math.ceil(Math.max(1, sizeOf(shape)) / 4);
    const limit = device.limits.maxStorageBufferBindingSize;
    if (size > limit) {
      throw new RangeError(`Expected weights of at most ${limit} bytes on this device but ${name} has ${size}`);
    }
    const buffer = device.createBuffer({ size, usage });
    const tensor = ort.Tensor.fromGpuBuffer(buffer, { dataType: 'float32', dims: [...shape] });
    return { buffer, tensor, readers: new Set(), version: -1 };
  };

  return {
    async tensor(weight, reader) {
      const values = await weight.f32();
      const held = resident.get(weight) ?? allocate(weight);
      resident.set(weight, held);
      held.readers.add(reader);
      if (held.version !== weight.version()) {
        device.queue.writeBuffer(held.buffer, 0, values.buffer, values.byteOffset, values.byteLength);
        held.version = weight.version();
      }
      return held.tensor;
    },
    release(reader) {
      for (const [weight, { buffer, readers }] of resident) {
        if (!readers.delete(reader) || readers.size > 0) continue;
        resident.delete(weight);
        buffer.destroy();
      }
    },
  };
}
