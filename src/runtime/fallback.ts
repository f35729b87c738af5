import type { Engine } from './engine.ts';
import { NotCoveredError } from './notCovered.ts';

/**
 * The engine, with another that takes whole the programs that it does not cover; `say` is told why, once for each reason. The other is
 * opened when it is first needed.
 */
export function withFallback(engine: Engine, open: () => Promise<Engine>, say: (line: string) => void): Engine {
  let opening: Promise<Engine> | undefined;
  let other: Engine | undefined;
  const said = new Set<string>();
  const covered = async <T>(use: (by: Engine) => Promise<T>): Promise<T> => {
    try {
      return await use(engine);
    } catch (error) {
      if (!(error instanceof NotCoveredError)) throw error;
      other = await (opening ??= open());
      const result = await use(other);
      if (!said.has(error.message)) say(`${other.name} in ${other.precision} runs a program: ${error.message}`);
      said.add(error.message);
      return result;
    }
  };
  const sum = (a: number | undefined, b: number | undefined): number | undefined =>
    a === undefined || b === undefined ? undefined : a + b;
  return {
    ...engine,
    load: (graph) => covered((by) => by.load(graph)),
    plan: (graph) => covered((by) => by.plan(graph)),
    memory: () => {
      const own = engine.memory();
      if (!other) return own;
      const { scratchBytes, peakScratchBytes, programs } = other.memory();
      return {
        scratchBytes: sum(own.scratchBytes, scratchBytes),
        peakScratchBytes: sum(own.peakScratchBytes, peakScratchBytes),
        programs: own.programs + programs,
      };
    },
    close: () => {
      engine.close();
      other?.close();
    },
  };
}
