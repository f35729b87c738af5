import type { Engine } from '../runtime/engine.ts';
import { withFallback } from '../runtime/fallback.ts';
import { referenceEngine } from '../runtime/reference.ts';

export interface EngineChoice {
  readonly name: 'auto' | 'native' | 'ort' | 'reference';
  readonly threads?: number | undefined;
  /** Default: fp32, of the reference f64. `auto` is bf16 where the engine has it and the processor has instructions for it, else the default. */
  readonly precision?: 'auto' | 'fp32' | 'bf16' | undefined;
  /** Of the native engine; where the machine has it not, the best one computes and a notice says so. Default: the best one. */
  readonly instructionSet?: string | undefined;
}

export interface ChooseOptions {
  readonly signal?: AbortSignal;
  /** Finds the native library, telling what takes long. Default: the package's own. */
  readonly findLibrary?: (say: (line: string) => void, signal?: AbortSignal) => Promise<string>;
}

/** An engine as a run's folder names it. */
export interface EngineRecord {
  readonly name: string;
  readonly precision: string;
  readonly instructionSet?: string;
}

/** What a run's folder keeps of its engine. */
export const engineRecord = ({ name, precision, instructionSet }: Engine): EngineRecord => ({
  name,
  precision,
  ...(instructionSet === undefined ? {} : { instructionSet }),
});

/** An engine in words, as `native in fp32 on avx512`. */
export const engineText = ({ name, precision, instructionSet }: EngineRecord): string =>
  `${name} in ${precision}${instructionSet === undefined ? '' : ` on ${instructionSet}`}`;

/** The choice that goes on as a run's folder records; where the native library is gone, `auto` still takes another. */
export function recordedChoice(choice: EngineChoice, { name, precision, instructionSet }: EngineRecord): EngineChoice {
  if (name !== 'native' && name !== 'ort') return choice;
  if (precision !== 'fp32' && precision !== 'bf16') return choice;
  return { ...choice, name: choice.name === 'auto' && name === 'native' ? 'auto' : name, precision, instructionSet };
}

interface Opened {
  readonly engine: Engine;
  readonly notices: readonly string[];
}

const threadsOf = ({ threads }: EngineChoice): { readonly threads?: number } =>
  threads === undefined ? {} : { threads };

function openReference({ precision, threads }: EngineChoice): Opened {
  if (precision === 'fp32' || precision === 'bf16')
    throw new TypeError(`The reference engine computes in f64: expected precision auto but found ${precision}`);
  if (threads !== undefined && threads > 1)
    throw new RangeError(`The reference engine has one thread: expected threads 1 but found ${threads}`);
  return {
    engine: referenceEngine(),
    notices: ['the reference engine is for checks: it is thousands of times slower'],
  };
}

const ownLibrary: NonNullable<ChooseOptions['findLibrary']> = async (say, signal) => {
  const { findNativeLibrary } = await import('../runtime/node/native-library.ts');
  return findNativeLibrary({ say, ...(signal ? { signal } : {}) });
};

async function openNative(choice: EngineChoice, library: string): Promise<Opened> {
  const { instructionSetsLeftOut, instructionSetsOf, multipliesBf16, nativeEngine } =
    await import('../runtime/node/native-engine.ts');
  const { precision: asked = 'fp32', instructionSet: wanted } = choice;
  const precision = asked !== 'auto' ? asked : multipliesBf16(library) ? 'bf16' : 'fp32';
  const has = wanted !== undefined && instructionSetsOf(library, precision).includes(wanted);
  const engine = nativeEngine({
    library,
    precision,
    ...threadsOf(choice),
    ...(has ? { instructionSet: wanted } : {}),
  });
  if (wanted === undefined || has) return { engine, notices: [] };
  const lacking = instructionSetsLeftOut(library).includes(wanted)
    ? `the native library was built by a compiler that does not know ${wanted}`
    : `this machine has no ${wanted}`;
  return { engine, notices: [`${lacking}: ${engineText(engine)} computes`] };
}

async function openOrt(choice: EngineChoice): Promise<Opened> {
  if (choice.precision === 'bf16') {
    throw new TypeError(
      'ONNX Runtime computes in fp32 here: expected precision auto or fp32, or --engine native, but found bf16',
    );
  }
  const { ortEngine } = await import('../runtime/node/ort-engine.ts');
  return { engine: ortEngine(threadsOf(choice)), notices: [] };
}

/** The native engine, with ONNX Runtime for programs that it does not cover; ONNX Runtime alone where there is no native library. */
async function openAuto(
  choice: EngineChoice,
  say: (line: string) => void,
  { signal, findLibrary = ownLibrary }: ChooseOptions,
): Promise<Opened> {
  try {
    const { engine, notices } = await openNative(choice, await findLibrary(say, signal));
    const other = async (): Promise<Engine> => (await openOrt({ ...choice, precision: 'fp32' })).engine;
    return { engine: withFallback(engine, other, say), notices };
  } catch (error) {
    signal?.throwIfAborted();
    if (choice.precision === 'bf16') throw error;
    const why = (error instanceof Error ? error.message : String(error)).split('\n')[0] ?? '';
    const { engine } = await openOrt(choice);
    return { engine, notices: [`ONNX Runtime computes in place of the native engine: ${why}`] };
  }
}

/**
 * Opens the engine that was asked for, telling `say` what takes long; `auto` is the native one, or ONNX Runtime with a notice why where its
 * library cannot be had. Throws when the engine is not there or cannot do the precision.
 */
export async function chooseEngine(
  choice: EngineChoice,
  say: (line: string) => void = () => {},
  options: ChooseOptions = {},
): Promise<Opened> {
  const { signal, findLibrary = ownLibrary } = options;
  if (choice.name === 'reference') return openReference(choice);
  if (choice.name === 'ort') return openOrt(choice);
  return choice.name === 'native' ? openNative(choice, await findLibrary(say, signal)) : openAuto(choice, say, options);
}
