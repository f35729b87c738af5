import { joinPath, openFile, readJsonFile, writeFileAtomic, writeJsonFile } from '../hub/files.ts';
import { recordOf } from '../hub/json.ts';
import { readSafetensors, safetensorsBytes } from '../hub/safetensors.ts';
import { describe, errorAt } from '../ir/errors.ts';
import { sizeOf } from '../ir/types.ts';
import { f32Source } from '../runtime/tensor-source.ts';
import type { Stateful } from './stateful.ts';
import type { TrainedFiles } from './trainedFiles.ts';

const stateVersion = 2;
const stateName = 'state.json';
const tensorsName = (unit: string): string => `${unit}.safetensors`;

/** Writes everything that a run needs to go on bit for bit: trained values and the state of its units. Randomness is keyed by the step and has no state. */
export async function writeState(
  folder: string,
  files: TrainedFiles,
  step: number,
  units: readonly Stateful[],
): Promise<void> {
  await files.write(joinPath(folder, files.folder), { exact: true });
  const saved: Record<string, unknown> = {};
  for (const unit of units) {
    const { data, tensors } = await unit.save();
    if (tensors && tensors.size > 0) {
      const sources = [...tensors].map(([name, values]) => f32Source(name, [values.length], values));
      await writeFileAtomic(joinPath(folder, tensorsName(unit.name)), safetensorsBytes(sources));
    }
    saved[unit.name] = { version: unit.version, tensors: tensors?.size ?? 0, ...(data === undefined ? {} : { data }) };
  }
  await writeJsonFile(joinPath(folder, stateName), { version: stateVersion, step, units: saved });
}

async function readTensors(path: string): Promise<Map<string, Float32Array>> {
  const file = await openFile(path);
  try {
    const values = new Map<string, Float32Array>();
    for (const [name, source] of (await readSafetensors(file)).tensors) {
      const tensor = new Float32Array(sizeOf(source.shape));
      await source.readF32(tensor);
      values.set(name, tensor);
    }
    return values;
  } finally {
    await file.close();
  }
}

/** Takes up what `writeState` wrote; throws naming the file and what does not fit. */
export async function readState(folder: string, files: TrainedFiles, units: readonly Stateful[]): Promise<void> {
  const statePath = joinPath(folder, stateName);
  const { version, units: saved } = recordOf(await readJsonFile(statePath), statePath);
  if (version !== stateVersion)
    throw new RangeError(`${statePath}: expected a state of version ${stateVersion} but found ${describe(version)}`);
  await files.read(joinPath(folder, files.folder));
  const states = recordOf(saved, `${statePath}: units`);
  for (const unit of units) {
    const state = recordOf(states[unit.name], `${statePath}: units.${unit.name}`);
    if (state['version'] !== unit.version) {
      throw new RangeError(
        `${statePath}: expected the state of ${unit.name} in version ${unit.version} but found ${describe(state['version'])}`,
      );
    }
    const tensors = state['tensors'] === 0 ? new Map() : await readTensors(joinPath(folder, tensorsName(unit.name)));
    try {
      await unit.load({ data: state['data'], tensors });
    } catch (cause) {
      throw errorAt(`${statePath}: units.${unit.name}`, cause);
    }
  }
}
