/** The library in Node: what runs anywhere, and models, runs and files by name. In a browser `tuneloop` is `anywhere.ts`. */
export * from './anywhere.ts';
export { type HubEvent } from './hub/node/hubSnapshot.ts';
export { startChat, type Chat } from './loop/chat.ts';
export { compare, type CompareOptions, type CompareRuns } from './loop/compare/compare.ts';
export { type CompareConfigInput } from './loop/compare/config.ts';
export { type CompareEvent, type CompareSummary } from './loop/compare/events.ts';
export { type MethodConfig } from './loop/compare/methods.ts';
export { type CompareResult, type MethodResult } from './loop/compare/result.ts';
export { findConfigFile, readConfigFile } from './loop/configFile.ts';
export { type StopReason, type TuneEvent } from './loop/events.ts';
export { exportModel, type ExportOptions, type ExportSummary } from './loop/exportModel.ts';
export { loadClassifier, loadModel, type LoadOptions } from './loop/loadModel.ts';
export { type LoadedModel } from './loop/model.ts';
export { measureChange, operateOn, type WeightsOptions } from './loop/onWeights.ts';
export { type Run } from './loop/run.ts';
export {
  resume,
  type RunEvent,
  type RunOptions,
  type RunSummary,
  tune,
  type TuneRun,
  type TuneRunOptions,
} from './loop/tuneRun.ts';
export { UsageError } from './loop/usageError.ts';
export { writeRows } from './loop/writeRows.ts';
export { type Paper } from './papers/catalogue.ts';
export { type ListedPaper, papers } from './papers/papers.ts';
export { type Recipe } from './papers/recipe.ts';
export { type RecipeUse } from './papers/use.ts';
export { pairProbes } from './probes/index.ts';
export { type Measurement, type PairProbe } from './probes/probe.ts';
export { surgeries } from './surgery/index.ts';
export { type SurgeryUnit } from './surgery/surgery.ts';
export { mergeAdapter, type MergeOptions } from './surgery/merge.ts';
