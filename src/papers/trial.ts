import { UsageError } from '../loop/usageError.ts';
import { type BaseModel, baseModelAt, type FoundModel } from './baseModel.ts';
import { withChanges } from './configChanges.ts';
import type { OtherSetting, Recipe, Setting } from './recipe.ts';

/** A recipe on a model. */
export interface Trial extends Omit<Setting, 'model'> {
  readonly recipe: Recipe;
  /** Where the model is opened. */
  readonly model: string;
  readonly base: BaseModel;
}

export interface TrialOptions {
  /** Model in the package, folder, .gguf file or id on the hub; the recipe's own unless given. */
  readonly model?: string | undefined;
  /** The smoke config in place of the setting's. */
  readonly smoke?: boolean;
  /** Values of the config by their paths. */
  readonly changes?: Readonly<Record<string, string>>;
}

/** UsageError where a recipe cannot learn on a model. */
function assertTakes(recipe: Recipe, { name, kind }: FoundModel): void {
  const { number, model, onlyModel } = recipe;
  if (onlyModel !== undefined)
    throw new UsageError(`model: ${number} runs on ${model} alone, ${onlyModel}, but found ${name}`);
  if (kind !== 'language') throw new UsageError(`model: ${number} takes any language model, but ${name} is none`);
}

/** The setting whose model is nearest in size, by ratio. */
function settingNear(recipe: Recipe, own: FoundModel, base: FoundModel): OtherSetting {
  const far = ({ parameters }: OtherSetting): number => Math.abs(Math.log(parameters / base.parameters));
  return [{ ...recipe, parameters: own.parameters }, ...(recipe.others ?? [])].reduce((best, other) =>
    far(other) < far(best) ? other : best,
  );
}

/** A recipe on its own model or on another one. UsageError where it cannot learn on that, or for a change that fits no value. */
export async function trialOf(recipe: Recipe, options: TrialOptions = {}): Promise<Trial> {
  const { model = recipe.model, smoke = false, changes = {} } = options;
  const own = await baseModelAt(recipe.model);
  const found = model === recipe.model ? own : await baseModelAt(model);
  const isOwn = found.fingerprint === own.fingerprint;
  if (!isOwn) assertTakes(recipe, found);
  const setting = settingNear(recipe, own, found);
  const changed = Object.entries(changes).map(([path, value]) => `${path} = ${value}`);
  const { kind: _kind, ...base } = found;
  return {
    recipe,
    model,
    base,
    config: withChanges(smoke ? recipe.smoke : setting.config, changes),
    departures: [
      ...setting.departures,
      ...(setting.parameters === base.parameters
        ? []
        : [`all this and the config are for ${setting.model}, but the model was ${base.name}`]),
      ...(changed.length === 0 ? [] : [`changed by hand: ${changed.join(', ')}`]),
    ],
    seeds: setting.seeds,
  };
}
