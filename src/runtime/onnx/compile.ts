import type { Graph } from '../../ir/graph.ts';
import { simplify } from '../../ir/simplify.ts';
import { verify } from '../../ir/verify.ts';
import type { ProgramMemory } from '../engine.ts';
import { evaluateNode } from '../evaluate.ts';
import { encodeOnnx } from './encode.ts';
import { lower, type LoweredGraph } from './lower.ts';
import { planOnnxMemory } from './memory.ts';
import type { OnnxTarget } from './target.ts';

/** A graph as the bytes of an ONNX model, with what the engine has to know of it. */
export interface CompiledGraph extends Pick<LoweredGraph, 'hostFills' | 'aliased'> {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Names of the model's inputs: leaves that the outputs do not need are none. */
  readonly inputs: ReadonlySet<string>;
}

/** Checks, simplifies and lowers a graph. Each stage takes tens of milliseconds on a large graph: `pause` runs between them. */
async function lowerChecked(graph: Graph, target: OnnxTarget, pause: () => Promise<unknown>): Promise<LoweredGraph> {
  await pause();
  verify(graph);
  await pause();
  const simplified = simplify(graph, evaluateNode);
  await pause();
  const lowered = await lower(simplified, { target, pause });
  await pause();
  return lowered;
}

/** A graph in the form that a session is made of. */
export async function compileOnnx(
  graph: Graph,
  target: OnnxTarget,
  pause: () => Promise<unknown>,
): Promise<CompiledGraph> {
  const { model, hostFills, aliased } = await lowerChecked(graph, target, pause);
  const bytes = encodeOnnx(model);
  await pause();
  return { bytes, hostFills, aliased, inputs: new Set(model.inputs.map(({ name }) => name)) };
}

/** What runs of a graph will need, by how the CPU provider gives memory out. */
export async function planOnnx(
  graph: Graph,
  target: OnnxTarget,
  pause: () => Promise<unknown>,
): Promise<ProgramMemory> {
  return planOnnxMemory(graph, await lowerChecked(graph, target, pause));
}
