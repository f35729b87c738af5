import type { Tokenizer } from '../hub/tokenizer.ts';
import type { JsonMatcher } from './jsonMatcher.ts';
import { type Draw, type DrawKey, sampleToken, type SamplingOptions } from './sample.ts';

/** Draws tokens whose text keeps to a rule; one per row. */
export interface Constraint {
  /** Draws as `sampleToken` from the tokens that may come next, and goes on from the drawn one. Changes `logits`. */
  draw(logits: Float32Array, options: SamplingOptions, key: DrawKey): Draw;
  /** Nothing can come any more. */
  readonly final: () => boolean;
}

/** Text of single tokens in the middle of a text. */
export type TokenTexts = (id: number) => string;

/** Texts as they come after another token, so that tokenizers which drop a leading space keep it. */
export function tokenTexts(tokenizer: Tokenizer): TokenTexts {
  const [anchor = 0] = tokenizer.encode('a', { addSpecialTokens: false });
  const before = tokenizer.decode([anchor]).length;
  const known = new Map<number, string>();
  return (id) => {
    const found = known.get(id);
    if (found !== undefined) return found;
    const text = tokenizer.specialIds.has(id) ? '' : tokenizer.decode([anchor, id]).slice(before);
    known.set(id, text);
    return text;
  };
}

/** Draws that are tried before all tokens are looked at. */
const patience = 8;

/** Text that must become JSON; stop tokens may come only when it is whole. Throws Error where no token fits. */
export function jsonConstraint(start: JsonMatcher, texts: TokenTexts, stops: ReadonlySet<number>): Constraint {
  let state = start;
  /** The state after a token; undefined where it may not come. */
  const after = (id: number): JsonMatcher | undefined => {
    if (stops.has(id)) return state.complete ? state : undefined;
    const text = texts(id);
    return text === '' ? undefined : state.advance(text);
  };
  return {
    final: () => state.final,
    draw: (logits, options, key) => {
      // Drawing again without the refused tokens is a draw from those that may come.
      for (let attempt = 0; ; attempt++) {
        if (attempt === patience) {
          let left = 0;
          logits.forEach((logit, id) => {
            if (logit === Number.NEGATIVE_INFINITY) return;
            if (after(id)) left++;
            else logits[id] = Number.NEGATIVE_INFINITY;
          });
          if (left === 0) throw new Error('No token of the vocabulary can follow in the JSON that was asked for');
        }
        const drawn = sampleToken(logits, options, { ...key, position: key.position + attempt * 2 ** 24 });
        const next = after(drawn.id);
        if (next) {
          state = next;
          return drawn;
        }
        logits[drawn.id] = Number.NEGATIVE_INFINITY;
      }
    },
  };
}
