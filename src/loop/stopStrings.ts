/** Text of a row as its tokens come: whole characters only, cut where a stop string begins. */
export interface TextStream {
  /** Takes the decoded text of all tokens so far; returns what is new and certain. */
  push(decoded: string): string;
  /** What was held back, once no more tokens come. */
  flush(): string;
  /** All text that was returned. */
  readonly text: () => string;
  /** The stop string that was met. */
  readonly stoppedBy: () => string | undefined;
}

/** How much of the end of a text is the beginning of a stop string. */
function heldBack(text: string, stops: readonly string[]): number {
  let most = 0;
  for (const stop of stops) {
    for (let length = Math.min(stop.length - 1, text.length); length > most; length--)
      if (text.endsWith(stop.slice(0, length))) most = length;
  }
  return most;
}

export function textStream(stops: readonly string[]): TextStream {
  let decoded = '';
  let given = 0;
  let stoppedBy: string | undefined;
  let end = Number.POSITIVE_INFINITY;
  const release = (until: number): string => {
    const piece = decoded.slice(given, Math.max(given, until));
    given += piece.length;
    return piece;
  };
  return {
    push: (text) => {
      if (stoppedBy !== undefined) return '';
      decoded = text;
      for (const stop of stops) {
        const at = text.indexOf(stop, Math.max(0, given - stop.length));
        if (at >= 0 && at < end) [end, stoppedBy] = [at, stop];
      }
      if (stoppedBy !== undefined) return release(end);
      // A replacement character at the end may be half of a character whose other bytes are still to come.
      const whole = text.replace(/\uFFFD+$/, '').length;
      return release(Math.min(whole, text.length - heldBack(text, stops)));
    },
    flush: () => release(Math.min(end, decoded.length)),
    text: () => decoded.slice(0, given),
    stoppedBy: () => stoppedBy,
  };
}
