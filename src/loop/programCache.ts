import type { Graph } from '../ir/graph.ts';
import type { Engine, Program } from '../runtime/engine.ts';
import type { WeightStore } from '../runtime/weights.ts';

/** Compiled programs by what they are for and their shape; the least recently used go first. */
export interface ProgramCache {
  /** The program under a key, built, loaded and bound to the store's weights on first use. */
  get(key: string, build: () => Graph): Promise<Program>;
  /** A program that the caller binds, loaded until the cache is released. */
  keep(graph: Graph): Promise<Program>;
  release(): void;
}

export function programCache(engine: Engine, store: WeightStore, limit = 24): ProgramCache {
  const programs = new Map<string, Promise<Program>>();
  const kept = new Set<Program>();
  const load = async (build: () => Graph): Promise<Program> => {
    const program = await engine.load(build());
    for (const { name, kind } of program.graph.leaves) if (kind === 'parameter') program.bind(name, store.get(name));
    return program;
  };
  const drop = (key: string, program: Promise<Program>): void => {
    programs.delete(key);
    program.then(
      (loaded) => loaded.release(),
      () => undefined,
    );
  };
  return {
    get: (key, build) => {
      const program = programs.get(key) ?? load(build);
      programs.delete(key);
      programs.set(key, program);
      program.catch(() => programs.delete(key));
      for (const [oldest, old] of programs) {
        if (programs.size <= limit) break;
        drop(oldest, old);
      }
      return program;
    },
    keep: async (graph) => {
      const program = await engine.load(graph);
      kept.add(program);
      return program;
    },
    release: () => {
      for (const program of kept) program.release();
      kept.clear();
      for (const [key, program] of programs) drop(key, program);
    },
  };
}
