/** The life of something that is freed by hand, and of its parts: an engine's programs, a program's prebound runs. */
export interface Life {
  /** Throws TypeError when this, or what it is part of, has ended. */
  check(): void;
  /** Ends this after its parts; again is harmless. */
  end(): void;
  /** Something that ends with this; `free` is called once. */
  part(expected: string, free: () => void): Life;
  parts(): number;
}

/** `expected` is the start of the complaint: `a loaded program but it was released`. */
export function life(expected: string, free: () => void): Life {
  return grow(expected, free, () => {});
}

function grow(expected: string, free: () => void, checkWhole: () => void): Life {
  const parts = new Set<Life>();
  let ended = false;
  const check = (): void => {
    checkWhole();
    if (ended) throw new TypeError(`Expected ${expected}`);
  };
  return {
    check,
    end: () => {
      if (ended) return;
      for (const part of parts) part.end();
      ended = true;
      free();
    },
    part: (partExpected, freePart) => {
      check();
      const part = grow(
        partExpected,
        () => {
          parts.delete(part);
          freePart();
        },
        check,
      );
      parts.add(part);
      return part;
    },
    parts: () => parts.size,
  };
}
