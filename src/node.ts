/** What needs files and native code: checkpoints, the loop, ONNX Runtime. */
export { type Checkpoint, openCheckpoint } from './hub/checkpoint.ts';
export { type PeftFolder, readPeftFolder, writePeftFolder } from './hub/peft.ts';
export { type PeftLoraConfig } from './hub/peft-config.ts';
export { loadTokenizer, type Message, type Tokenizer } from './hub/tokenizer.ts';
export { type TuneConfig, type TuneConfigInput, tuneSchema } from './loop/config.ts';
export { chooseEngine } from './loop/engines.ts';
export { type TuneEvent, type TuneSummary } from './loop/events.ts';
export { generate, type GenerateOptions, type Generation, type Prompt } from './loop/generate.ts';
export { type LoadedModel, openModel } from './loop/model.ts';
export { newRunFolder, openRunFolder, type RunFolder } from './loop/runFolder.ts';
export { meanLoss, score, type ScoreLine } from './loop/score.ts';
export { type Host, tune, type TuneOptions } from './loop/tune.ts';
export { peakBytes, runtimeVersions } from './runtime/node/host.ts';
export { type LinalgOptions, linalgPool } from './runtime/node/linalg-pool.ts';
export { type LibrarySearch, findOnnxRuntime, onnxRuntimeVersion } from './runtime/node/library.ts';
export { ortEngine, type OrtEngineOptions } from './runtime/node/ort-engine.ts';
export { mergeAdapter, type MergeOptions } from './surgery/merge.ts';
