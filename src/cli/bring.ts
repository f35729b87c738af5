import type { SplitChoice } from '../data/hubSplits.ts';
import { dataFiles, type DataFiles } from '../data/sources.ts';
import { type HubEvent, type SnapshotOptions } from '../hub/node/hubSnapshot.ts';
import { type Located, locateAdapter, locateModel, locateTokenizer, pinned } from '../hub/node/locate.ts';
import { formatBytes } from '../loop/units.ts';
import type { Context } from './command.ts';

/** Least time between two lines, of a terminal that is rewritten and of a log. */
const lineMs = { terminal: 100, log: 5000 };

/** Tells a download on stderr. */
export function downloadProgress(
  { err, tty }: Pick<Context, 'err' | 'tty'>,
  now: () => number = () => performance.now(),
): (event: HubEvent) => void {
  let shownAt = -Infinity;
  return (event) => {
    if (event.type === 'notice') return err(`${event.message}\n`);
    const { name, file, bytes, totalBytes } = event;
    const ended = bytes >= totalBytes;
    if (now() - shownAt < (tty ? lineMs.terminal : lineMs.log) && !ended) return;
    shownAt = now();
    const percent = totalBytes === 0 ? 100 : Math.floor((100 * bytes) / totalBytes);
    const line = `${name}: ${file}, ${formatBytes(bytes)} of ${formatBytes(totalBytes)} (${percent}%)`;
    err(tty ? `\r\u001b[K${line}${ended ? '\n' : ''}` : `${line}\n`);
  };
}

const kinds = { model: locateModel, tokenizer: locateTokenizer, adapter: locateAdapter } as const;

/** Brings what an option names from the hub, where it is not here, and returns the text that names the same on any day. */
export async function bring(text: string, kind: keyof typeof kinds, context: Context): Promise<string> {
  const options: SnapshotOptions = { emit: downloadProgress(context), signal: context.signal };
  const located: Located = await kinds[kind](text, options);
  return pinned(located, text);
}

/** The files of a data set, brought from the hub where they are not here. */
export const bringFiles = (text: string, choice: SplitChoice, context: Context): Promise<DataFiles> =>
  dataFiles(text, choice, { emit: downloadProgress(context), signal: context.signal });
