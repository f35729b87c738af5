import type { FuzzTarget } from '../target.ts';
import { adapterTarget } from './adapter.ts';
import { configTarget } from './config.ts';
import { folderTargets } from './folders.ts';
import { ggufTarget } from './gguf.ts';
import { imageTarget } from './image.ts';
import { csvTarget, jsonListTarget, jsonlTarget, parquetTarget } from './rows.ts';
import { safetensorsTarget } from './safetensors.ts';
import { templateTarget } from './template.ts';
import { tokenizerTarget } from './tokenizer.ts';

/** Every reader of files that others wrote. */
export const targets: readonly FuzzTarget[] = [
  safetensorsTarget,
  ggufTarget,
  configTarget,
  tokenizerTarget,
  jsonlTarget,
  jsonListTarget,
  csvTarget,
  parquetTarget,
  templateTarget,
  adapterTarget,
  imageTarget,
  ...folderTargets,
];
