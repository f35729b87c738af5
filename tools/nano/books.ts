import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';

/** Text of about this many characters makes a row. */
const rowCharacters = 700;

const plain = (paragraph: string): string =>
  paragraph
    .replaceAll(/\s+/g, ' ')
    .replaceAll(/(?<![A-Za-z])`|(?<![A-Za-z0-9.,!?;:])'(?=[A-Z])/g, '"')
    .replaceAll(/(?<=[.,!?;:-])'(?![A-Za-z])/g, '"')
    .trim();

/**
 * Alice's Adventures in Wonderland (Lewis Carroll, 1865, in the public domain; the Millennium Fulcrum Edition 2.9) in rows of
 * whole paragraphs. The file is tests/testdata/alice29.txt of the source distribution of Brotli 1.2.0 on PyPI.
 */
export function bookRows(): { readonly text: string }[] {
  const text = gunzipSync(readFileSync(new URL('data/alice29.txt.gz', import.meta.url)))
    .toString('latin1')
    .replaceAll('\r', '');
  const begun = text.slice(text.indexOf('Alice was beginning'), text.indexOf('THE END'));
  const rows: { text: string }[] = [];
  let row = '';
  for (const paragraph of begun.split(/\n\s*\n/)) {
    // Headings and verses stand further in than prose.
    if (/^\s{5,}/.test(paragraph) || paragraph.includes('*')) continue;
    row = row === '' ? plain(paragraph) : `${row}\n${plain(paragraph)}`;
    if (row.length < rowCharacters) continue;
    rows.push({ text: row });
    row = '';
  }
  return rows;
}
