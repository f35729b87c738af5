/** How the operations are run on one build. */
export interface Runner {
  readonly title: string;
  /** Compiler and what else the page tells, ending in a full stop. */
  readonly made: string;
  readonly library: string;
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
}
