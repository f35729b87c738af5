/** What a reward looks at. */
export interface Graded {
  readonly completion: string;
  /** The answer that the data holds, where it holds one. */
  readonly reference?: string | undefined;
}

export interface Grade {
  /** Null where no grade can be given; never a number then. */
  readonly score: number | null;
  readonly reason: string;
}

/** Grades a completion. */
export interface Reward {
  readonly name: string;
  /** Least and greatest score. */
  readonly range: readonly [least: number, greatest: number];
  grade(graded: Graded): Grade;
}
