import { type MethodConfig, methodNamed, unitNames } from '../loop/compare/methods.ts';
import { withField } from '../loop/parseConfig.ts';
import { catalogue } from '../papers/catalogue.ts';
import { findPaper, recipeOf } from '../papers/index.ts';
import { UsageError } from '../loop/usageError.ts';
import { type Option, parseArgs } from './args.ts';

/** Units, and papers whose recipe is a part of a config, by name. */
export const methodNames: readonly string[] = [
  ...new Set([
    ...unitNames,
    ...catalogue.flatMap((paper) => (recipeOf(paper)?.use.config === undefined ? [] : [paper.slug])),
  ]),
];

/** What a recipe's method changes in a config, by the paper's slug or number. */
function ofRecipe(word: string): MethodConfig | undefined {
  const paper = findPaper(word);
  return paper && recipeOf(paper)?.use.config;
}

/** Methods as `--methods` names them: `lora`, `ssf+dft`, `092`, `full:learning-rate=2e-5`. UsageError that names the method. */
export function methodsOf(names: readonly string[], fields: readonly Option[]): Readonly<Record<string, MethodConfig>> {
  const methods: Record<string, MethodConfig> = {};
  for (const name of names) {
    if (name in methods) throw new UsageError(`--methods: ${name} stands twice`);
    const [unit = '', ...settings] = name.split(':');
    try {
      const args = parseArgs(
        settings.map((setting) => `--${setting}`),
        fields,
      );
      let method: MethodConfig = methodNamed(unit, ofRecipe);
      for (const option of fields) {
        const value = args.given.get(option.name);
        if (option.path !== undefined && value !== undefined) method = withField({ ...method }, option.path, value);
      }
      methods[name] = method;
    } catch (cause) {
      if (!(cause instanceof UsageError)) throw cause;
      throw new UsageError(`--methods ${name}: ${cause.message.replace(/^methods: /, '')}`, { cause });
    }
  }
  return methods;
}
