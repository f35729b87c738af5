export { type LibrarySearch, findOnnxRuntime, onnxRuntimeVersion } from './runtime/node/library.ts';
