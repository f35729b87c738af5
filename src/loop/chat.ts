import type { Message } from '../hub/tokenizer.ts';
import { type GenerateOptions, type Generation, streamGenerate } from './generate.ts';
import { type LoadedModel, tokenizerOf } from './model.ts';

/** A conversation that grows by turns. */
export interface Chat {
  readonly messages: () => readonly Message[];
  /**
   * Adds what the user says and streams the answer, which becomes part of the conversation, cut where the signal ended
   * it. Throws RangeError, leaving the conversation as it was, when it has no room for an answer.
   */
  say(
    loaded: LoadedModel,
    content: string,
    signal: AbortSignal,
  ): AsyncGenerator<string, Generation['finishReason'] | 'interrupted'>;
  /** Back to the system message alone. */
  reset(): void;
}

/** A conversation through the model's chat template. */
export function startChat(system: string | undefined, options: GenerateOptions): Chat {
  const opening: readonly Message[] = system === undefined ? [] : [{ role: 'system', content: system }];
  let messages = [...opening];
  return {
    messages: () => messages,
    reset: () => {
      messages = [...opening];
    },
    async *say(loaded, content, signal) {
      const asked = [...messages, { role: 'user', content }];
      const { ids } = tokenizerOf(loaded).applyChatTemplate(asked, { addGenerationPrompt: true });
      const room = loaded.model.maxPositions - ids.length;
      if (room < 1) {
        throw new RangeError(
          `The conversation has ${ids.length} tokens and the model ${loaded.model.maxPositions} positions: no room for an answer`,
        );
      }
      const maxNewTokens = Math.min(options.maxNewTokens, room);
      const prompts = [{ index: messages.length, ids }];
      let answer = '';
      let ending: Generation['finishReason'] | 'interrupted' = 'interrupted';
      try {
        for await (const event of streamGenerate(loaded, prompts, { ...options, maxNewTokens, batchSize: 1, signal })) {
          if (event.type === 'done') ending = event.generation.finishReason;
          else {
            answer += event.text;
            yield event.text;
          }
        }
      } catch (error) {
        if (!signal.aborted) throw error;
      }
      messages = [...asked, { role: 'assistant', content: answer }];
      return ending;
    },
  };
}
