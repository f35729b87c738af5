/** From what `--data` names to files of rows: a file, a folder, a pattern or a data set of the hub. */
import { filesBelow, joinPath, openFile, pathKind } from '../hub/files.ts';
import { globFiles } from '../hub/files-glob.ts';
import { byteStream } from '../hub/files-stream.ts';
import { readBeside } from '../hub/files-within.ts';
import { isGlob } from '../hub/glob.ts';
import type { SnapshotOptions } from '../hub/node/hubSnapshot.ts';
import { locateData, pinned } from '../hub/node/locate.ts';
import { type SplitChoice, splitFiles } from './hubSplits.ts';
import { type Columns, holdsRows, readRows, type Row, rowEndings, type RowSource } from './reader.ts';

export interface DataFiles {
  readonly files: readonly string[];
  /** What names the same files on any day. */
  readonly pinned: string;
  readonly fromHub: boolean;
}

const fileSource = (path: string): RowSource => ({
  name: path,
  open: () => byteStream(path),
  openFile: () => openFile(path),
});

/** Rows of files one after another, numbered through from `first`. */
export async function* rowsOfFiles(
  files: readonly string[],
  options: { readonly columns?: Columns | undefined; readonly first?: number } = {},
): AsyncGenerator<Row> {
  const { columns, first = 0 } = options;
  let before = first;
  for (const path of files) {
    const start = before;
    const readFile = (name: string): Promise<Uint8Array> => readBeside(path, name);
    for await (const row of readRows(fileSource(path), columns === undefined ? {} : { columns })) {
      before = start + row.index + 1;
      yield { ...row, index: start + row.index, readFile };
    }
  }
}

/** The files that a text names, in the order that they are read in. Error where there are none. */
export async function dataFiles(text: string, choice: SplitChoice, options: SnapshotOptions = {}): Promise<DataFiles> {
  const kind = await pathKind(text);
  if (kind === 'file') return { files: [text], pinned: text, fromHub: false };
  if (kind === 'folder') {
    const names = (await filesBelow(text)).filter(
      (name) => holdsRows(name) && !name.split('/').some((part) => part.startsWith('.')),
    );
    if (names.length === 0)
      throw new Error(`${text}: expected files of rows (.${rowEndings.join(', .')}) in the folder but found none`);
    return { files: names.map((name) => joinPath(text, name)), pinned: text, fromHub: false };
  }
  if (isGlob(text)) {
    const files = await globFiles(text);
    if (files.length === 0) throw new Error(`${text}: expected files that the pattern names but found none`);
    return { files, pinned: text, fromHub: false };
  }
  let chosen: readonly string[] = [];
  const located = await locateData(
    text,
    async (files, read) => (chosen = await splitFiles(files, read, choice)),
    options,
  );
  const files = chosen.length === 0 ? [located.path] : chosen.map((file) => joinPath(located.path, ...file.split('/')));
  return { files, pinned: pinned(located, text), fromHub: true };
}
