import { conciseness } from './conciseness.ts';
import { countdown } from './countdown.ts';
import { exactMatch } from './exactMatch.ts';
import type { Reward } from './reward.ts';

/** Rewards that need no module, by the name that configs give them. */
export const namedRewards: Readonly<Record<string, Reward>> = { exactMatch, countdown, conciseness };
