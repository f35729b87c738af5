import type { Engine } from '../runtime/engine.ts';
import { referenceEngine } from '../runtime/reference.ts';

export interface EngineChoice {
  readonly name: 'auto' | 'native' | 'ort' | 'reference';
  readonly threads?: number | undefined;
  readonly precision?: 'auto' | 'fp32' | undefined;
}

/** Opens the engine that was asked for, telling `say` what takes long; `auto` is ONNX Runtime. Throws when it is not there or cannot do the precision. */
export async function chooseEngine(
  choice: EngineChoice,
  say: (line: string) => void = () => {},
): Promise<{ readonly engine: Engine; readonly notices: readonly string[] }> {
  if (choice.name === 'reference') {
    if (choice.precision === 'fp32')
      throw new TypeError('The reference engine computes in f64: expected precision auto but found fp32');
    if (choice.threads !== undefined && choice.threads > 1) {
      throw new RangeError(`The reference engine has one thread: expected threads 1 but found ${choice.threads}`);
    }
    return {
      engine: referenceEngine(),
      notices: ['the reference engine is for checks: it is thousands of times slower'],
    };
  }
  const threads = choice.threads === undefined ? {} : { threads: choice.threads };
  if (choice.name === 'native') {
    const { findNativeLibrary } = await import('../runtime/node/native-library.ts');
    const { nativeEngine } = await import('../runtime/node/native-engine.ts');
    const library = await findNativeLibrary(say);
    return { engine: nativeEngine({ library, ...threads }), notices: [] };
  }
  const { ortEngine } = await import('../runtime/node/ort-engine.ts');
  return { engine: ortEngine(threads), notices: [] };
}
