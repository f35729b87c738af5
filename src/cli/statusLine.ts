import type { Terminal } from './command.ts';

/** Lines on stderr, and one status that a terminal rewrites in place and a log gets now and then. */
export interface StatusLine {
  readonly line: (text: string) => void;
  /** Shows the parts as the status, unless the last one is too recent; `always` shows them all the same. */
  readonly status: (parts: () => readonly string[], always?: boolean) => void;
  /** Ends the line that is rewritten. */
  readonly end: () => void;
}

export interface StatusLineOptions {
  /** Least milliseconds between two statuses, on a terminal and in a log. */
  readonly every: { readonly terminal: number; readonly log: number };
  /** Milliseconds of a clock. */
  readonly now: () => number;
  /** Longest status of a terminal: one that wraps could not be rewritten. Any unless given. */
  readonly length?: number;
}

/** Lines and a status on a terminal's stderr. */
export function statusLine({ err, tty }: Terminal, { every, now, length = Infinity }: StatusLineOptions): StatusLine {
  let [open, shownAt] = [false, -Infinity];
  return {
    line: (text) => {
      if (open) err('\r\u001b[K');
      open = false;
      err(`${text}\n`);
    },
    status: (parts, always = false) => {
      if (now() - shownAt < (tty ? every.terminal : every.log) && !always) return;
      shownAt = now();
      if (!tty) return err(`${parts().join(', ')}\n`);
      const text = parts().join('  ');
      err(`\r\u001b[K${text.length > length ? `${text.slice(0, length - 1)}…` : text}`);
      open = true;
    },
    end: () => {
      if (open) err('\n');
      open = false;
    },
  };
}
