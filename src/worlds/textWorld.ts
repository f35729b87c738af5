import type { Step, World } from './world.ts';

/**
 * A world as a text that a language model goes on with: it reads the prompt, writes one of the actions, and the world writes
 * what came of it, until the end.
 */
export interface TextWorld {
  readonly world: World;
  readonly prompt: string;
  /** How each action is written, by number; their first tokens must differ. */
  readonly actions: readonly string[];
  /** What the world writes behind an action. */
  says(step: Step): string;
}
