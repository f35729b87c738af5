/** What a reward looks at. */
export interface Graded {
  /** What was asked: a text, or the last message's. */
  readonly prompt?: string;
  readonly completion: string;
  /** The answer that the data holds, where it holds one. */
  readonly reference?: string | undefined;
  /** The row's fields, where the answer is to one. */
  readonly fields?: Readonly<Record<string, unknown>>;
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
  grade(graded: Graded): Grade | Promise<Grade>;
}
