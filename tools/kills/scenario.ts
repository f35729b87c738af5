import type { CliOptions } from './cli.ts';

/** Something that a kill may break, and what must hold after it. */
export interface Scenario {
  readonly name: string;
  /** Milliseconds that it takes unbroken, and changes of files that it makes. */
  readonly ms: number;
  readonly changes: number;
  /** Lets go of what it holds open. */
  readonly close?: () => Promise<void>;
  /** Starts it in a new place, killed as the options say; Error where what stands under a final name is not whole, or going on does not lead to the same end. True where it was killed before its end. */
  readonly once: (kill: CliOptions) => Promise<boolean>;
}
