import { describe } from '../hub/json.ts';
import { peftTensorName, type PeftFolder, readPeftFolder, writePeftFolder } from '../hub/peft.ts';
import { named } from '../ir/errors.ts';
import { formatShape, sameShape } from '../ir/types.ts';
import type { TaskModel } from '../nn/model.ts';
import type { Adapter } from './adapter.ts';
import { adapterUnits } from './index.ts';
import { fileName, peftContents } from './peftContents.ts';
import type { AdapterUnit, Described } from './unit.ts';

/** Values of a base's tensor by name. */
export type BaseValues = (name: string) => Promise<Float32Array>;

/** Values of an adapter's parameters from a file's tensors. RangeError that names one missing, unknown or of another shape. */
function valuesOf(adapter: Adapter, { tensors, tensorsFile }: PeftFolder): Map<string, Float32Array> {
  const values = new Map<string, Float32Array>();
  const unread = new Set(tensors.keys());
  for (const parameter of adapter.parameters) {
    const found = tensors.get(fileName(parameter));
    const name = peftTensorName(fileName(parameter));
    if (!found)
      throw new RangeError(`${tensorsFile}: expected tensor ${name}, which its config asks for, but found none`);
    if (!sameShape(found.shape, parameter.shape)) {
      throw new RangeError(
        `${tensorsFile}: tensor ${name}: expected shape ${formatShape(parameter.shape)} but found ${formatShape(found.shape)}`,
      );
    }
    values.set(parameter.name, found.values);
    unread.delete(fileName(parameter));
  }
  const extra = [...unread].find((name) => adapter.peft?.copies?.has(name) !== true);
  if (extra !== undefined) {
    throw new RangeError(
      `${tensorsFile}: tensor ${peftTensorName(extra)}: expected a module of this model that its config names`,
    );
  }
  return values;
}

/** RangeError on a copy of a weight of the base that is not the base's: another model, or one that was changed. */
async function checkCopies(adapter: Adapter, { tensors, tensorsFile }: PeftFolder, base: BaseValues): Promise<void> {
  for (const [file, name] of adapter.peft?.copies ?? []) {
    const copy = tensors.get(file);
    if (!copy || name === undefined) continue;
    const own = await base(name);
    // What bf16 may have rounded.
    const differs = (value: number, index: number): boolean =>
      Math.abs(value - (own[index] ?? Number.NaN)) > 2 ** -8 * Math.abs(value) + 1e-30;
    const found = copy.values.length === own.length ? copy.values.findIndex(differs) : 0;
    if (found >= 0) {
      throw new RangeError(
        `${tensorsFile}: tensor ${peftTensorName(file)}: expected the base's ${name}, ${own.length} values with ${own[found]} at ${found}, but found ${copy.values.length} with ${copy.values[found]}`,
      );
    }
  }
}

/** The unit's part for the kind of adapter that a folder holds. TypeError on one that is not known. */
function kindOf({ config, configFile }: PeftFolder): NonNullable<AdapterUnit<string>['peft']> {
  const units: readonly AdapterUnit<string>[] = Object.values(adapterUnits);
  const kinds = units.flatMap(({ peft }) => peft ?? []);
  const kind = kinds.find(({ type }) => type === config['peft_type']);
  if (kind) return kind;
  throw new TypeError(
    `${configFile}: peft_type: expected ${kinds.map(({ type }) => type).join(' or ')} but found ${describe(config['peft_type'])}`,
  );
}

/** What a folder says of its adapter. */
export interface AdapterDescription {
  readonly type: string;
  readonly baseModel?: string;
  /** What its kind has to say: ranks, modules. */
  readonly figures: Readonly<Record<string, Described>>;
  readonly parameters: number;
}

/** Describes a folder's adapter without the model that it is for. */
export async function describeAdapter(folder: string): Promise<AdapterDescription> {
  const contents = await readPeftFolder(folder);
  const { config, configFile, tensors } = contents;
  const kind = kindOf(contents);
  const base = config['base_model_name_or_path'];
  return {
    type: kind.type.toLowerCase(),
    ...(typeof base === 'string' && base !== '' ? { baseModel: base } : {}),
    figures: kind.describe(config, [...tensors.keys()], configFile),
    parameters: [...tensors.values()].reduce((sum, { values }) => sum + values.length, 0),
  };
}

/** Reads a folder that PEFT or this library wrote, on a model; stricter than PEFT, with errors that name file and tensor. */
export async function readAdapter(
  folder: string,
  model: TaskModel,
  base: BaseValues,
): Promise<{ readonly adapter: Adapter; readonly values: ReadonlyMap<string, Float32Array> }> {
  const contents = await readPeftFolder(folder);
  const { config, configFile, tensors } = contents;
  const kind = kindOf(contents);
  const shapes = new Map([...tensors].map(([name, { shape }]) => [name, shape]));
  const adapter = named(configFile, () => kind.read(config, shapes, model, configFile));
  const values = valuesOf(adapter, contents);
  await checkCopies(adapter, contents, base);
  return { adapter, values };
}

/** Reads the values that `writeAdapter` wrote with `exact`. */
export async function readAdapterValues(folder: string, adapter: Adapter): Promise<ReadonlyMap<string, Float32Array>> {
  return valuesOf(adapter, await readPeftFolder(folder));
}

export interface WriteAdapterOptions {
  readonly replace?: boolean;
  /** The parameters as they are, whatever form others would load more easily. */
  readonly exact?: boolean;
}

/** Writes an adapter as a PEFT folder in f32. TypeError on one that PEFT has not. */
export async function writeAdapter(
  folder: string,
  adapter: Adapter,
  values: (name: string) => Float32Array,
  base: string,
  { replace = false, exact = false }: WriteAdapterOptions = {},
): Promise<void> {
  await writePeftFolder(folder, peftContents(adapter, values, base, { exact }), { replace });
}
