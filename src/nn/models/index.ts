import type { LanguageModel } from '../model.ts';
import { gemma3Text } from './gemma3_text.ts';
import { gpt2 } from './gpt2.ts';
import { llama } from './llama.ts';
import { mistral } from './mistral.ts';
import { qwen2 } from './qwen2.ts';
import { qwen3 } from './qwen3.ts';

const languageModels: Readonly<Record<string, (json: Readonly<Record<string, unknown>>) => LanguageModel>> = {
  gemma3_text: gemma3Text,
  gpt2,
  llama,
  mistral,
  qwen2,
  qwen3,
};

/** The model that a config.json describes. Throws TypeError naming an architecture that is not known. */
export function languageModel(json: Readonly<Record<string, unknown>>): LanguageModel {
  const type = json['model_type'];
  const build = typeof type === 'string' && Object.hasOwn(languageModels, type) ? languageModels[type] : undefined;
  if (!build) {
    throw new TypeError(
      `Expected a model_type of ${Object.keys(languageModels).join(', ')} in config.json but found ${JSON.stringify(type)}`,
    );
  }
  return build(json);
}
