import type { Engine } from '../../src/runtime/engine.ts';

/** What differs between engines. */
export interface Expectations {
  /** Opens another engine of this kind. */
  open(): Promise<Engine>;
  /** Whether prebound runs have `runSync`. */
  readonly synchronous: boolean;
  /** What a run says of an index outside its axis; `undefined` where the engine does not look. */
  readonly indexOutside: RegExp | undefined;
}

/** One thing that every engine holds; runs anywhere, in a page too. */
export interface EngineCase {
  readonly name: string;
  run(engine: Engine, expect: Expectations): Promise<void>;
}

export function check(holds: boolean, what: string): void {
  if (!holds) throw new Error(what);
}

export function same(found: ArrayLike<number> | undefined, expected: readonly number[], what: string): void {
  const values = Array.from(found ?? [], (value) => value + 0);
  const equal = values.length === expected.length && values.every((value, i) => value === expected[i]);
  check(equal, `${what}: expected ${expected.join()} but found ${values.join()}`);
}

export async function refuses(what: () => unknown, message: RegExp): Promise<void> {
  try {
    await what();
  } catch (error) {
    const found = error instanceof Error ? error.message : String(error);
    return check(message.test(found), `expected an error like ${message} but found: ${found}`);
  }
  throw new Error(`expected an error like ${message} but found none`);
}
