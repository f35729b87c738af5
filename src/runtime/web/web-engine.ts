import type { Engine } from '../engine.ts';
import { life } from '../life.ts';
import { randomService } from '../random.ts';
import { runQueue } from '../runQueue.ts';
import { openDevice } from './gpu-device.ts';
import { gpuWeights } from './gpu-weights.ts';
import { loadOrtWeb, ortWebVersion, type WebProvider } from './ort-web.ts';
import { loadProgram, planProgram, type ProgramContext } from './web-program.ts';

export interface WebEngineOptions {
  /** `wasm`, the default, computes on the CPU and runs everywhere; `webgpu` needs a browser and a card that have it. */
  readonly provider?: WebProvider;
  /** Folder of onnxruntime-web's files, see `ortWebFiles`; `onnxruntime-web/` beside the worker's script unless given. */
  readonly files?: string | URL;
  /** Threads of `wasm`: all cores where the page is cross-origin isolated, else one. */
  readonly threads?: number;
}

export interface WebEngine extends Engine {
  readonly provider: WebProvider;
  /** What computes, in words, with the number of threads. */
  readonly description: string;
}

/**
 * ONNX Runtime in the browser. It occupies the thread that it runs on, so it opens in a Worker only, and whoever uses it
 * lives there too: weights, inputs and outputs then never cross threads. Throws TypeError on a page's own thread, Error
 * where files or WebGPU are missing, RangeError for threads that the page cannot have.
 */
export async function webEngine(options: WebEngineOptions = {}): Promise<WebEngine> {
  const { provider = 'wasm' } = options;
  if (typeof WorkerGlobalScope === 'undefined')
    throw new TypeError('webEngine blocks the thread that it runs on: expected a Worker but found none around it');
  const threads = threadsOf(provider, options.threads);
  const folder = new URL(options.files ?? 'onnxruntime-web/', self.location.href).href;
  const files = new URL(folder.endsWith('/') ? folder : `${folder}/`);
  const device = provider === 'webgpu' ? await openDevice() : undefined;
  const ort = await loadOrtWeb({ provider, files, threads });
  const queue = runQueue();
  const engine = life('an open engine but it was closed', () => {
    void queue.later(async () => device?.destroy());
  });
  const gpu = device && { device, weights: gpuWeights(ort, device) };
  const context: ProgramContext = { ort, provider, engine, queue, gpu };
  return {
    name: `ort-${provider}`,
    provider,
    description:
      provider === 'wasm'
        ? `ONNX Runtime ${ortWebVersion}, WebAssembly, ${threads === 1 ? 'one thread' : `${threads} threads`}`
        : `ONNX Runtime ${ortWebVersion}, WebGPU`,
    precision: 'fp32',
    slowToLoad: true,
    random: randomService(),
    load: (graph) => loadProgram(context, graph),
    plan: (graph) => planProgram(context, graph),
    memory: () => {
      engine.check();
      return { scratchBytes: undefined, peakScratchBytes: undefined, programs: engine.parts() };
    },
    close: engine.end,
  };
}

function threadsOf(provider: WebProvider, wanted: number | undefined): number {
  if (provider === 'webgpu') {
    if (wanted !== undefined) throw new TypeError(`threads is for wasm: expected none for webgpu but found ${wanted}`);
    return 1;
  }
  if (!self.crossOriginIsolated) {
    if (wanted === undefined || wanted === 1) return 1;
    throw new RangeError(
      `Expected 1 thread, because the page is not cross-origin isolated, but found ${wanted}; serve it with Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: require-corp`,
    );
  }
  const threads = wanted ?? navigator.hardwareConcurrency;
  if (!Number.isInteger(threads) || threads < 1) throw new RangeError(`Expected threads >= 1 but found ${threads}`);
  return threads;
}
