/** Work under way that tells events and comes to something. */
export interface Run<Event, Summary> extends AsyncIterable<Event> {
  /** What it came to. Rejects with what it failed with, as the loop over its events throws. */
  readonly summary: Promise<Summary>;
}

/**
 * Starts work in the next microtask. Each loop over the run gets the events from when it begins; the work does not wait for
 * its readers. Leaving a loop early, like the signal, asks the work to stop, and waits until it has.
 */
export function startRun<Event, Summary>(
  work: (emit: (event: Event) => void, signal: AbortSignal) => Promise<Summary>,
  signal?: AbortSignal,
): Run<Event, Summary> {
  const left = new AbortController();
  const readers = new Set<(event?: Event) => void>();
  const tell = (event?: Event): void => {
    for (const reader of readers) reader(event);
  };
  let ended = false;
  const started = Promise.resolve().then(() =>
    work(tell, signal === undefined ? left.signal : AbortSignal.any([signal, left.signal])),
  );
  const summary = started.finally(() => {
    ended = true;
    tell();
  });

  async function* events(waiting: Event[], more: () => Promise<void>): AsyncGenerator<Event, void> {
    try {
      for (;;) {
        const next = waiting.splice(0);
        yield* next;
        if (waiting.length > 0) continue;
        if (ended) break;
        await more();
      }
      await summary;
    } finally {
      if (!ended) left.abort();
      await summary.catch(() => undefined);
    }
  }

  return {
    summary,
    [Symbol.asyncIterator]() {
      // The loop throws what the work failed with, so nobody has to look at the summary too.
      summary.catch(() => undefined);
      const waiting: Event[] = [];
      let wake = (): void => {};
      readers.add((event) => {
        if (event !== undefined) waiting.push(event);
        wake();
      });
      return events(
        waiting,
        () =>
          new Promise((resolve) => {
            wake = resolve;
          }),
      );
    },
  };
}
