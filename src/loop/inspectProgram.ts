import type { Graph, Node } from '../ir/graph.ts';
import { type Placed, placeNodes } from '../ir/places.ts';
import { placedModel } from '../nn/placedSites.ts';
import { makeObjective } from '../objectives/index.ts';
import type { AnyObjective } from '../objectives/objective.ts';
import type { Engine } from '../runtime/engine.ts';
import type { Inspection } from './inspect.ts';
import { type LoadedModel, openModel } from './model.ts';
import { openingOf } from './openTrained.ts';
import { pairTrainGraph } from './pairPrograms.ts';
import { sequenceLoss } from './sequenceLoss.ts';
import { tokenLoss } from './tokenLoss.ts';
import { parseConfig } from './parseConfig.ts';
import { policyLoss } from './policyLoss.ts';
import { decodeGraph } from './decodeProgram.ts';
import { scoreGraph } from './programs.ts';
import { readPeftFolder } from '../hub/peft.ts';
import { runFolderAt } from './runFolder.ts';

export const programNames = ['train', 'score', 'decode'] as const;

export type ProgramName = (typeof programNames)[number];

/** A program of a model, and where each node stands in the model. */
export interface InspectedProgram {
  readonly graph: Graph;
  readonly places: ReadonlyMap<Node, Placed>;
}

export interface ProgramOptions {
  readonly batchSize: number;
  /** Tokens of a row; of the cache, for decode. */
  readonly length: number;
  readonly engine: Engine;
}

/** The model of a path as it is trained: a run's own adapter and options, a checkpoint under the default adapter. */
async function openFor(
  path: string,
  kind: Inspection['kind'],
  engine: Engine,
): Promise<{ loaded: LoadedModel; objective: AnyObjective; packed: boolean; recompute: boolean }> {
  if (kind === 'adapter') {
    const { base_model_name_or_path: model } = (await readPeftFolder(path)).config;
    if (typeof model !== 'string')
      throw new TypeError(`${path}/adapter_config.json: expected base_model_name_or_path but found none`);
    const loaded = await openModel({ model, adapter: path, engine });
    const { objective } = parseConfig({ model: { path: model }, data: { path } });
    return { loaded, objective: makeObjective(objective), packed: false, recompute: false };
  }
  // The data is not opened: only the model and its adapter matter here.
  const config =
    kind === 'run' ? (await runFolderAt(path).read()).config : parseConfig({ model: { path }, data: { path } });
  return {
    loaded: await openModel(openingOf(config, engine)),
    objective: makeObjective(config.objective),
    packed: config.data.packing,
    recompute: config.train.gradientCheckpointing,
  };
}

/** One of a model's programs as it is built before an engine sees it. Throws TypeError on a model that has none such. */
export async function inspectProgram(
  path: string,
  kind: Inspection['kind'],
  program: ProgramName,
  { batchSize, length, engine }: ProgramOptions,
): Promise<InspectedProgram> {
  const { loaded, objective, packed, recompute } = await openFor(path, kind, engine);
  try {
    const adapter = loaded.attached?.adapter;
    if (!adapter) throw new TypeError(`${path}: expected something to train but found a frozen model`);
    const { model, places } = placedModel(loaded.model);
    const shape = { batch: batchSize, length, packed };
    const build: Readonly<Record<ProgramName, () => Graph>> = {
      train: () => {
        const options = { accumulate: false, recompute };
        if (objective.reduction === 'pair') return pairTrainGraph(model, adapter, objective, shape, options);
        if (objective.reduction === 'grade')
          throw new TypeError(`${path}: expected a run with gradients but found one of ${objective.type}`);
        if (objective.reduction === 'group')
          return policyLoss(model, objective, { answersAreOld: false }).trainGraph(adapter, shape, options);
        const loss =
          objective.reduction === 'token' ? tokenLoss(model, objective, packed) : sequenceLoss(model, objective);
        return loss.trainGraph(adapter, shape, options);
      },
      score: () => scoreGraph(model, kind === 'checkpoint' ? undefined : adapter, shape),
      decode: () =>
        decodeGraph(model, kind === 'checkpoint' ? undefined : adapter, {
          batch: batchSize,
          length: 1,
          capacity: length,
          fresh: false,
          logits: true,
        }),
    };
    const graph = build[program]();
    return { graph, places: placeNodes(graph, places, graph.outputs.get('loss')) };
  } finally {
    await loaded.close();
  }
}
