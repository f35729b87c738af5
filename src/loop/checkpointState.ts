import type { CursorState } from '../data/cursor.ts';
import { joinPath, openFile, readJsonFile, writeFileAtomic, writeJsonFile } from '../hub/files.ts';
import { recordOf } from '../hub/json.ts';
import { readSafetensors, safetensorsBytes } from '../hub/safetensors.ts';
import { f32Source } from '../runtime/tensor-source.ts';
import type { TrainedFiles } from './trainedFiles.ts';
import type { Trainer } from './trainer.ts';

const stateVersion = 1;
const stateName = 'state.json';
const optimizerName = 'optimizer.safetensors';

export interface SavedState {
  readonly step: number;
  readonly cursor: CursorState;
}

/** Writes everything that a run needs to go on bit for bit: trained values, optimizer state, data cursor. Randomness is keyed by the step and has no state. */
export async function writeState(
  folder: string,
  files: TrainedFiles,
  trainer: Trainer,
  cursor: CursorState,
): Promise<void> {
  await files.write(joinPath(folder, files.folder), { exact: true });
  const { step, slots } = await trainer.state();
  const sources = [...slots].map(([name, values]) => f32Source(name, [values.length], values));
  await writeFileAtomic(joinPath(folder, optimizerName), safetensorsBytes(sources));
  await writeJsonFile(joinPath(folder, stateName), { version: stateVersion, step, cursor });
}

/** Takes up what `writeState` wrote; throws naming the file and what does not fit. */
export async function readState(folder: string, files: TrainedFiles, trainer: Trainer): Promise<SavedState> {
  const statePath = joinPath(folder, stateName);
  const { version, step, cursor } = recordOf(await readJsonFile(statePath), statePath);
  if (version !== stateVersion || !Number.isSafeInteger(step)) {
    throw new RangeError(
      `${statePath}: expected a state of version ${stateVersion} but found version ${String(version)}, step ${String(step)}`,
    );
  }
  await files.read(joinPath(folder, files.folder));
  const file = await openFile(joinPath(folder, optimizerName));
  try {
    const { tensors } = await readSafetensors(file);
    const slots = new Map<string, Float32Array>();
    for (const [name, source] of tensors) {
      const values = new Float32Array(source.shape[0] ?? 0);
      await source.readF32(values);
      slots.set(name, values);
    }
    await trainer.restore(step as number, slots);
  } finally {
    await file.close();
  }
  return { step: step as number, cursor: cursor as CursorState };
}
