import type * as Ort from 'onnxruntime-web';

/** The onnxruntime-web that this package was written for; another version is refused. */
export const ortWebVersion = '1.30.0';

export type WebProvider = 'wasm' | 'webgpu';

/** onnxruntime-web's files that each provider needs: the program, then what it loads itself. */
export const ortWebFiles: { readonly [P in WebProvider]: readonly [string, ...string[]] } = {
  wasm: ['ort.wasm.min.mjs', 'ort-wasm-simd-threaded.mjs', 'ort-wasm-simd-threaded.wasm'],
  webgpu: ['ort.webgpu.min.mjs', 'ort-wasm-simd-threaded.asyncify.mjs', 'ort-wasm-simd-threaded.asyncify.wasm'],
};

export interface OrtWebOptions {
  readonly provider: WebProvider;
  /** Folder that holds `ortWebFiles`. */
  readonly files: URL;
  readonly threads: number;
}

const textOf = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause));

/**
 * onnxruntime-web, loaded from its folder and set up. It exists once per thread and folder, whoever asks. Throws Error when
 * files are missing or of another version, RangeError when it was set up before with another number of threads.
 */
export async function loadOrtWeb({ provider, files, threads }: OrtWebOptions): Promise<typeof Ort> {
  const [program] = ortWebFiles[provider];
  const url = new URL(program, files).href;
  let ort: typeof Ort;
  try {
    // Bundlers leave this import alone: the files are served as they are.
    ort = (await import(/* webpackIgnore: true */ /* @vite-ignore */ url)) as typeof Ort;
  } catch (cause) {
    throw new Error(
      `Expected ${ortWebFiles[provider].join(', ')} of onnxruntime-web ${ortWebVersion} in ${files.href} but cannot load ${program} (${textOf(cause)}); serve them there, or say with \`files\` where they are`,
      { cause },
    );
  }
  const { versions, wasm } = ort.env;
  if (versions.web !== ortWebVersion) {
    throw new Error(`Expected onnxruntime-web ${ortWebVersion} in ${files.href} but found ${versions.web ?? 'none'}`);
  }
  // Setting it after its first session would change nothing.
  if (wasm.wasmPaths !== undefined && wasm.numThreads !== threads) {
    throw new RangeError(
      `Expected ${wasm.numThreads} threads, which the engine before this one has set up, but found ${threads}; use another worker`,
    );
  }
  wasm.wasmPaths = files.href;
  wasm.numThreads = threads;
  ort.env.logLevel = 'error';
  return ort;
}
