/** The parts that need files and native code: checkpoints and adapters as files, engines, linear algebra on threads. */
export { type Checkpoint, openCheckpoint } from './hub/checkpoint.ts';
export { type PeftFolder, readPeftFolder, writePeftFolder } from './hub/peft.ts';
export { type PeftLoraConfig } from './hub/peft-config.ts';
export { loadTokenizer, type Message, type Tokenizer } from './hub/tokenizer.ts';
export { tuneSchema } from './loop/config.ts';
export { chooseEngine } from './loop/engines.ts';
export { type Prompt } from './loop/generate.ts';
export { type LoadedModel, openModel } from './loop/model.ts';
export { newRunFolder, openRunFolder, type RunFolder } from './loop/runFolder.ts';
export { meanLoss } from './loop/score.ts';
export { hostMemory, peakBytes, runtimeVersions } from './runtime/node/host.ts';
export { type LinalgOptions, linalgPool } from './runtime/node/linalg-pool.ts';
export { type LibrarySearch, findOnnxRuntime, onnxRuntimeVersion } from './runtime/node/library.ts';
export { ortEngine, type OrtEngineOptions } from './runtime/node/ort-engine.ts';
