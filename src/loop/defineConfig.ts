import type { TuneConfigInput } from './config.ts';

/** The config itself: gives an editor its fields and their types in a `tuneloop.config.ts`. */
export const defineConfig = (config: TuneConfigInput): TuneConfigInput => config;
