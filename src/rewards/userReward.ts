import type { UserFunction } from '../hub/files-module.ts';
import { isRecord } from '../hub/json.ts';
import type { Grade, Reward } from './reward.ts';

const isScore = (value: unknown): value is number | null =>
  value === null || (typeof value === 'number' && Number.isFinite(value));

/** What a user's function gave, as a grade. */
function gradeOf(given: unknown): Grade | undefined {
  if (isScore(given)) return { score: given, reason: '' };
  if (!isRecord(given) || !isScore(given['score'])) return undefined;
  return { score: given['score'], reason: typeof given['reason'] === 'string' ? given['reason'] : '' };
}

/**
 * A user's function as a reward: it takes what is graded and gives a finite number, null where it cannot tell, or
 * `{ score, reason }`; a promise of one will do. Error naming the module on anything else and on what it throws.
 */
export function userReward({ path, call }: Pick<UserFunction, 'path' | 'call'>): Reward {
  return {
    name: path,
    range: [-Infinity, Infinity],
    grade: async (graded) => {
      let given: unknown;
      try {
        given = await call(graded);
      } catch (cause) {
        throw new Error(`${path}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
      }
      const grade = gradeOf(given);
      if (grade === undefined)
        throw new TypeError(
          `${path}: expected a finite number, null or { score, reason } but found ${JSON.stringify(given) ?? typeof given}`,
        );
      return grade;
    },
  };
}
