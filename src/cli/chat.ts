import { createInterface, emitKeypressEvents, type Interface } from 'node:readline';
import process from 'node:process';
import { type Chat, startChat } from '../loop/chat.ts';
import { type LoadedModel, tokenizerOf } from '../loop/model.ts';
import { withoutAdapter } from '../loop/withoutAdapter.ts';
import type { Command, Context } from './command.ts';
import { adapterOption, engineOptions, modelOption, quantizationOptions, withModel } from './rows.ts';
import { samplingOf, samplingOptions } from './sampling.ts';

const help = `/adapter or the Tab key switches the adapter off and on, /reset forgets the conversation,
/exit or Ctrl-D ends; Ctrl-C stops an answer.
`;

/** A conversation at the terminal, with and without the adapter. */
interface Session {
  readonly context: Context;
  readonly chat: Chat;
  readonly adapted: LoadedModel;
  /** Undefined where there is no adapter. */
  readonly plain: LoadedModel | undefined;
  adapterOn: boolean;
}

const promptOf = ({ plain, adapterOn }: Session): string =>
  plain === undefined ? '> ' : adapterOn ? 'adapter on > ' : 'adapter off > ';

function switchAdapter(session: Session): void {
  const { context, plain } = session;
  if (plain === undefined) return context.err('There is no adapter to switch: give one with --adapter\n');
  session.adapterOn = !session.adapterOn;
}

async function answer(session: Session, content: string, signal: AbortSignal): Promise<void> {
  const { context, chat, adapted, plain, adapterOn } = session;
  const loaded = adapterOn ? adapted : (plain ?? adapted);
  const stream = chat.say(loaded, content, signal);
  for (let piece = await stream.next(); ; piece = await stream.next()) {
    if (piece.done !== true) {
      await context.out(piece.value);
      continue;
    }
    await context.out('\n');
    if (piece.value === 'length') context.err('(cut: --max-new-tokens or the end of the context)\n');
    if (piece.value === 'interrupted') context.err('(stopped)\n');
    return;
  }
}

/** Carries out one line; false ends the conversation. */
async function take(session: Session, line: string, signal: AbortSignal): Promise<boolean> {
  const { context, chat } = session;
  const text = line.trim();
  if (text === '') return true;
  if (!text.startsWith('/')) {
    try {
      await answer(session, text, signal);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      context.err(`${error.message}; /reset starts anew\n`);
    }
    return true;
  }
  if (text === '/exit') return false;
  if (text === '/adapter') {
    switchAdapter(session);
    if (session.plain) context.err(`adapter ${session.adapterOn ? 'on' : 'off'}\n`);
  } else if (text === '/reset') chat.reset();
  else context.err(help);
  return true;
}

/** Lines that are piped in, one message each. */
async function takeLines(session: Session): Promise<void> {
  for await (const line of createInterface({ input: process.stdin })) {
    if (session.context.signal.aborted || !(await take(session, line, session.context.signal))) return;
  }
}

/** Lines typed at a terminal. */
function takeTyped(session: Session): Promise<void> {
  const lines: Interface = createInterface({
    input: process.stdin,
    output: process.stderr,
    // Tab switches; nothing is completed.
    completer: (line: string) => [[], line],
  });
  const ask = (): void => {
    lines.setPrompt(promptOf(session));
    lines.prompt(true);
  };
  let answering: AbortController | undefined;
  emitKeypressEvents(process.stdin, lines);
  process.stdin.on('keypress', (_text, key: { name?: string } | undefined) => {
    if (key?.name !== 'tab' || answering !== undefined || session.plain === undefined) return;
    switchAdapter(session);
    ask();
  });
  return new Promise((resolve, reject) => {
    const respond = async (line: string, signal: AbortSignal): Promise<void> => {
      try {
        const goesOn = await take(session, line, signal);
        answering = undefined;
        if (goesOn) ask();
        else lines.close();
      } catch (error) {
        lines.close();
        reject(error instanceof Error ? error : new Error(String(error)));
      }
    };
    lines.on('SIGINT', () => {
      if (answering) answering.abort();
      else lines.close();
    });
    lines.on('line', (line) => {
      const controller = new AbortController();
      answering = controller;
      lines.pause();
      void respond(line, controller.signal);
    });
    lines.on('close', resolve);
    ask();
  });
}

export const chatCommand: Command = {
  name: 'chat',
  about: `Talks with a model through its chat template; with an adapter, Tab (or /adapter) switches it off and on in the middle of a
conversation. Lines that are piped in are answered one by one on stdout.`,
  options: [
    modelOption,
    adapterOption,
    ...quantizationOptions,
    { name: 'system', kind: { type: 'text' }, description: 'System message that the conversation begins with' },
    {
      name: 'max-new-tokens',
      kind: { type: 'integer', least: 1 },
      default: 512,
      description: 'Most tokens of an answer',
    },
    ...samplingOptions(0.7),
    ...engineOptions,
  ],
  stopsBySignal: true,
  async run(args, context) {
    const sampling = await samplingOf(args);
    return withModel(args, context, async (loaded, notices) => {
      for (const notice of notices) context.err(`${notice}\n`);
      if (tokenizerOf(loaded).chatTemplate === undefined)
        throw new Error(`${args.required('model')}: expected a chat template but found none`);
      const plain = loaded.attached && withoutAdapter(loaded);
      const maxNewTokens = args.number('max-new-tokens') ?? 1;
      const chat = startChat(args.text('system'), { ...sampling, maxNewTokens });
      const session: Session = { context, chat, adapted: loaded, plain, adapterOn: plain !== undefined };
      try {
        if (process.stdin.isTTY) {
          context.err(help);
          await takeTyped(session);
        } else await takeLines(session);
      } finally {
        await plain?.close();
      }
      return context.signal.aborted ? 130 : 0;
    });
  },
};
