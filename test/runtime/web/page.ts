import { webEngine, type WebEngineOptions } from '../../../src/runtime/web/web-engine.ts';

/** Opens the engine where it must not: on the page's own thread. */
export const main = (options: WebEngineOptions): Promise<unknown> => webEngine(options);
