import type { LanguageModel } from '../model.ts';
import { llama } from './llama.ts';

const languageModels: Readonly<Record<string, (json: Readonly<Record<string, unknown>>) => LanguageModel>> = { llama };

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
