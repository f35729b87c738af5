import type { Graph } from '../../ir/graph.ts';
import { simplify } from '../../ir/simplify.ts';
import { verify } from '../../ir/verify.ts';
import { evaluateNode } from '../evaluate.ts';
import { encodeOnnx } from './encode.ts';
import { lower, type LoweredGraph } from './lower.ts';
import type { OnnxTarget } from './target.ts';

/** A graph as the bytes of an ONNX model, with what the engine has to know of it. */
export interface CompiledGraph extends Pick<LoweredGraph, 'hostFills' | 'aliased'> {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Names of the model's inputs: leaves that the outputs do not need are none. */
  readonly inputs: ReadonlySet<string>;
}

/**
 * Checks, simplifies, lowers and serialises a graph. Each stage takes tens of milliseconds on a large graph: `pause` runs
 * between them.
 */
export async function compileOnnx(
  graph: Graph,
  target: OnnxTarget,
  pause: () => Promise<unknown>,
): Promise<CompiledGraph> {
  await pause();
  verify(graph);
  await pause();
  const simplified = simplify(graph, evaluateNode);
  await pause();
  const { model, hostFills, aliased } = await lower(simplified, { target, pause });
  await pause();
  const bytes = encodeOnnx(model);
  await pause();
  return { bytes, hostFills, aliased, inputs: new Set(model.inputs.map(({ name }) => name)) };
}
