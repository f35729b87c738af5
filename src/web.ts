/** What needs a browser: ONNX Runtime on WebAssembly and WebGPU, in a Worker. */
export { ortWebFiles, ortWebVersion, type WebProvider } from './runtime/web/ort-web.ts';
export { webEngine, type WebEngine, type WebEngineOptions } from './runtime/web/web-engine.ts';
