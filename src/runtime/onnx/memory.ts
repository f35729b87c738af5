import type { Graph } from '../../ir/graph.ts';
import { sizeOf } from '../../ir/types.ts';
import type { ProgramMemory } from '../engine.ts';
import { bytesOfType } from '../tensor.ts';
import { onnxElementBytes } from './dtypes.ts';
import type { OnnxModel } from './encode.ts';
import { executionOrder } from './executionOrder.ts';
import type { LoweredGraph } from './lower.ts';
import type { OnnxType } from './shapes.ts';

/** Operators whose output is their first input under another shape. */
const views = new Set(['Reshape', 'Identity']);

/** Memory for one value after another, all of one shape. */
interface Block {
  readonly key: string;
  readonly bytes: number;
  /** Reads of the value in it that are still to come. */
  reads: number;
  /** Steps of the allocation and of the last use. */
  readonly from: number;
  until: number;
}

/** The arena gives out multiples of this. */
const unit = 256;
const sizeInBytes = ({ dtype, shape }: OnnxType): number =>
  Math.max(1, Math.ceil((sizeOf(shape) * onnxElementBytes(dtype)) / unit)) * unit;

/**
 * The blocks of a run. A block that nothing reads any more waits for the next value of its shape, the latest such block
 * first, and counts until the last use of all its values (ONNX Runtime's allocation planner for one stream).
 */
function blocksOf(model: OnnxModel, types: ReadonlyMap<string, OnnxType>): Block[] {
  const reads = new Map<string, number>();
  for (const { inputs } of model.nodes) for (const name of inputs) reads.set(name, (reads.get(name) ?? 0) + 1);
  // Inputs, outputs and constants lie outside.
  const outside = new Set([...model.inputs, ...model.outputs, ...(model.initializers ?? [])].map(({ name }) => name));
  const blockOf = new Map<string, Block>();
  const free = new Map<string, Block[]>();
  const blocks: Block[] = [];
  const hold = (name: string, block: Block | undefined): void => {
    if (!block) return;
    block.reads += reads.get(name) ?? 0;
    blockOf.set(name, block);
  };
  const blockFor = (type: OnnxType, step: number): Block => {
    const key = `${onnxElementBytes(type.dtype)}:${type.shape.join()}`;
    const waiting = free.get(key)?.pop();
    if (waiting) return waiting;
    const block: Block = { key, bytes: sizeInBytes(type), reads: 0, from: step, until: step };
    blocks.push(block);
    return block;
  };
  executionOrder(model.nodes).forEach(({ opType, inputs, outputs }, step) => {
    const made = outputs.filter((name) => name !== '' && !outside.has(name));
    for (const name of made) {
      const type = types.get(name);
      if (views.has(opType)) hold(name, blockOf.get(inputs[0] ?? ''));
      else if (type) hold(name, blockFor(type, step));
    }
    for (const name of [...inputs, ...made]) {
      const block = blockOf.get(name);
      if (block) block.until = step;
    }
    const release = (name: string, read: number): void => {
      const block = blockOf.get(name);
      if (!block) return;
      block.reads -= read;
      if (block.reads === 0) free.set(block.key, [...(free.get(block.key) ?? []), block]);
    };
    for (const name of inputs) release(name, 1);
    for (const name of made) if (!reads.has(name)) release(name, 0);
  });
  return blocks;
}

/** The most that blocks take at a time. */
function peakOf(blocks: readonly Block[]): number {
  const changes = blocks.flatMap(({ bytes, from, until }) => [
    { step: from, bytes },
    // What a step reads is still there while it writes.
    { step: until + 0.5, bytes: -bytes },
  ]);
  let [now, peak] = [0, 0];
  for (const { bytes } of changes.toSorted((a, b) => a.step - b.step)) {
    now += bytes;
    peak = Math.max(peak, now);
  }
  return peak;
}

const typeBytes = ({ dtype, shape }: OnnxType): number => sizeOf(shape) * onnxElementBytes(dtype);

/** What ONNX Runtime holds for each node of a session, in the mean (1.30, graphs of 450 to 2,000 nodes). */
const nodeBytes = 4096;

/** What runs of a lowered graph will need. */
export function planOnnxMemory(graph: Graph, lowered: LoweredGraph): ProgramMemory {
  const { model, hostFills, aliased } = lowered;
  const sum = (bytes: readonly number[]): number => bytes.reduce((total, one) => total + one, 0);
  const copied = [...graph.inPlace.keys()].flatMap((name) =>
    aliased.has(name) ? [] : (graph.outputs.get(name) ?? []),
  );
  const own = [
    nodeBytes * model.nodes.length,
    ...(model.initializers ?? []).map(typeBytes),
    ...[...hostFills.map(({ value }) => value), ...copied].map(({ type }) => bytesOfType(type)),
  ];
  return { scratchBytes: peakOf(blocksOf(model, lowered.types())), ownBytes: sum(own) };
}
