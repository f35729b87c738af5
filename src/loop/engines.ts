import type { Engine } from '../runtime/engine.ts';
import { referenceEngine } from '../runtime/reference.ts';

export interface EngineChoice {
  readonly name: 'auto' | 'native' | 'ort' | 'reference';
  readonly threads?: number | undefined;
  /** Default: fp32, of the reference f64. `auto` is bf16 where the engine has it and the processor has instructions for it, else the default. */
  readonly precision?: 'auto' | 'fp32' | 'bf16' | undefined;
}

/** What a run's folder keeps of its engine. */
export const engineRecord = ({ name, precision, instructionSet }: Engine) => ({
  name,
  precision,
  ...(instructionSet === undefined ? {} : { instructionSet }),
});

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

async function openNative(choice: EngineChoice, say: (line: string) => void): Promise<Opened> {
  const { findNativeLibrary } = await import('../runtime/node/native-library.ts');
  const library = await findNativeLibrary(say);
  const { multipliesBf16, nativeEngine } = await import('../runtime/node/native-engine.ts');
  const { precision: asked = 'fp32' } = choice;
  const precision = asked !== 'auto' ? asked : multipliesBf16(library) ? 'bf16' : 'fp32';
  return { engine: nativeEngine({ library, precision, ...threadsOf(choice) }), notices: [] };
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

/** Opens the engine that was asked for, telling `say` what takes long; `auto` is ONNX Runtime. Throws when it is not there or cannot do the precision. */
export async function chooseEngine(choice: EngineChoice, say: (line: string) => void = () => {}): Promise<Opened> {
  if (choice.name === 'reference') return openReference(choice);
  return choice.name === 'native' ? openNative(choice, say) : openOrt(choice);
}
