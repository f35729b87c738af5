/** What runs anywhere: the language of computation, the units of a method, the f64 reference engine. */
export * as ir from './ir/index.ts';
export { type Adapter } from './adapters/adapter.ts';
export { makeAdapter } from './adapters/index.ts';
export { lora } from './adapters/lora.ts';
export { peftContents } from './adapters/peftContents.ts';
export { type TaskItem } from './data/taskItem.ts';
export { type Batch, type Batches, makeBatches, seededOrder } from './data/batches.ts';
export { type Cursor, makeCursor, type Window } from './data/cursor.ts';
export { type Dataset, prepareDataset } from './data/dataset.ts';
export { readRows, type Row } from './data/reader.ts';
export { fetchCheckpoint } from './hub/fetchCheckpoint.ts';
export { type PeftContents, peftFiles } from './hub/peftFiles.ts';
export { type Message, type Tokenizer } from './hub/tokenizer.ts';
export { type TuneConfig, type TuneConfigInput } from './loop/config.ts';
export { defineConfig } from './loop/defineConfig.ts';
export { answerBatches } from './loop/answerBatches.ts';
export { answerPrompts, type GradedAnswer } from './loop/answerPrompts.ts';
export { type EvolutionOptions, makeEvolution, type Score } from './loop/evolution.ts';
export { policyLoss } from './loop/policyLoss.ts';
export { type ClassifiedLine } from './loop/classifier.ts';
export { type GenerateOptions, type Generation, type GenerationEvent, type Prompt } from './loop/generate.ts';
export { jsonRule, type JsonRule } from './loop/jsonSchema.ts';
export { classify, generate, score, streamGenerate } from './loop/onRows.ts';
export { parseConfig } from './loop/parseConfig.ts';
export { type ReadyModel, readyModel, tokenizerOf } from './loop/readyModel.ts';
export { type RowInput } from './loop/rowInputs.ts';
export { rollOut, type RollOutOptions, type Trajectory, type Turn } from './loop/rollOut.ts';
export { meanLoss, type ScoreLine } from './loop/score.ts';
export { tokenLoss } from './loop/tokenLoss.ts';
export { makeTrainer, type StepOutcome, type Trainer } from './loop/trainer.ts';
export { type Update } from './loop/update.ts';
export { withoutAdapter } from './loop/withoutAdapter.ts';
export { type LanguageModel } from './nn/model.ts';
export { languageModel } from './nn/models/index.ts';
export { alibi, type PositionBias, type RelativeBuckets, relativePositions } from './nn/positionBias.ts';
export { plainSites, type Site, type SiteOperands, type Sites, wrapSites } from './nn/sites.ts';
export { grpo, type GrpoOptions } from './objectives/grpo.ts';
export {
  type Objective,
  type PolicyObjective,
  type TokenStatistic,
  type TokenStatistics,
} from './objectives/objective.ts';
export { sft } from './objectives/sft.ts';
export { adamw, type AdamWOptions } from './optimizers/adamw.ts';
export { clipByGlobalNorm } from './optimizers/clipByGlobalNorm.ts';
export { makeOptimizer } from './optimizers/index.ts';
export { chain, type GradientTransform, type Optimizer, type UpdateRule } from './optimizers/optimizer.ts';
export { es, type EsOptions } from './optimizers/es.ts';
export { type Perturbation, type Strategy } from './optimizers/strategy.ts';
export { adafactor, type AdafactorOptions } from './optimizers/adafactor.ts';
export { lion, type LionOptions } from './optimizers/lion.ts';
export { sgd, type SgdOptions } from './optimizers/sgd.ts';
export { learningRates, type ScheduleConfig, schedules, type ScheduleType } from './optimizers/schedule.ts';
export { conciseness } from './rewards/conciseness.ts';
export { countdown } from './rewards/countdown.ts';
export { exactMatch } from './rewards/exactMatch.ts';
export { type Grade, type Graded, type Reward } from './rewards/reward.ts';
export { type Engine, type Program } from './runtime/engine.ts';
export { evaluate } from './runtime/evaluate.ts';
export { type JobRunner, runHere } from './runtime/linalg/job.ts';
export { type Floats } from './runtime/linalg/matrices.ts';
export {
  type LinearAlgebra,
  linearAlgebra,
  type Matrix,
  type MatrixInput,
  type Svd,
} from './runtime/linalg/service.ts';
export { type FailedRun, findNonFinite } from './runtime/nonFinite.ts';
export { referenceEngine } from './runtime/reference.ts';
export { type Tensor, tensor } from './runtime/tensor.ts';
export { type WeightHandle, type WeightStore, weightStore } from './runtime/weights.ts';
export { frozenLake, type FrozenLake, type FrozenLakeOptions } from './worlds/frozenLake.ts';
export { type LakeMap, lakeMaps, randomLakeMap } from './worlds/frozenLakeMaps.ts';
export { lakeText } from './worlds/frozenLakeText.ts';
export { type TextWorld } from './worlds/textWorld.ts';
export { type Episode, type Step, type World } from './worlds/world.ts';
