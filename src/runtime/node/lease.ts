import type { Pointer } from './ort-functions.ts';

/** A native object with one owner and users for a while: it is freed when released and no longer in use. */
export interface Lease {
  /** The address; Error after release. */
  readonly pointer: Pointer;
  /** Keeps the object alive until the returned function is called. */
  use(): () => void;
  /** Frees the object, at once or when the last use ends; again is harmless. */
  release(): void;
}

/** Owns a native object; `what` names it in errors. */
export function lease(what: string, pointer: Pointer, free: (pointer: Pointer) => void): Lease {
  let uses = 0;
  let released = false;
  const alive = (): Pointer => {
    if (released) throw new Error(`Expected a live ${what} but it was released`);
    return pointer;
  };
  return {
    get pointer() {
      return alive();
    },
    use() {
      alive();
      uses++;
      return () => {
        uses--;
        if (released && uses === 0) free(pointer);
      };
    },
    release() {
      if (released) return;
      released = true;
      if (uses === 0) free(pointer);
    },
  };
}
