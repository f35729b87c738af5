/** Carries out runs one after another: programs share weights that a run may overwrite. */
export interface RunQueue {
  later<T>(work: () => Promise<T>): Promise<T>;
  /** Runs at once. Throws Error while runs are under way. */
  now(work: () => void): void;
}

export function runQueue(): RunQueue {
  let last: Promise<unknown> = Promise.resolve();
  let underWay = 0;
  return {
    later: (work) => {
      underWay++;
      const result = last.then(work);
      const end = (): void => {
        underWay--;
      };
      last = result.then(end, end);
      return result;
    },
    now: (work) => {
      if (underWay > 0)
        throw new Error(`Expected an idle engine but runs are under way: ${underWay}; await them first`);
      work();
    },
  };
}
