/** Text of a growing sequence of tokens, given out as soon as its characters are whole. */
import type { Tokenizer } from './tokenizer.ts';

export type TokenStream = {
  /** The text that this token completes: possibly none, when it ends inside a character. */
  push: (id: number) => string;
  /** What is left, incomplete characters as U+FFFD. */
  end: () => string;
};

/** Streams what `decode` of all ids would give: earlier tokens stay as context, since a decoder may treat the first token differently. */
export function tokenStream(
  tokenizer: Pick<Tokenizer, 'decode'>,
  options: { skipSpecialTokens?: boolean } = {},
): TokenStream {
  const ids: number[] = [];
  let context = 0;
  let read = 0;
  const fresh = (): string =>
    tokenizer.decode(ids.slice(context), options).slice(tokenizer.decode(ids.slice(context, read), options).length);
  const advance = (): void => {
    context = read;
    read = ids.length;
  };
  return {
    push(id) {
      ids.push(id);
      const text = fresh();
      if (text === '' || text.endsWith('\ufffd')) return '';
      advance();
      return text;
    },
    end() {
      const text = fresh();
      advance();
      return text;
    },
  };
}
