import { makeDataStep } from '../data/dataSteps.ts';
import type { TuneConfig } from './config.ts';
import { heldOutOf, listOf } from './dataPaths.ts';
import { definitions, escapeHtml } from './html.ts';
import type { LossUnit } from './reportWords.ts';
import type { RunRecord } from './runFolder.ts';

/** A line of the example as the run shows it: `+ 22 "4"`, with + where the token is learned. */
const tokenLine = /^([+ ])\s+(\d+) (".*")$/;

/** The example as running text; what is learned is marked, a token's id is its title. */
function exampleText(lines: readonly string[]): string {
  return lines
    .map((line) => {
      const [, learned, id, quoted = '""'] = tokenLine.exec(line) ?? [];
      if (id === undefined) return `<div class="soft">${escapeHtml(line.trim())}</div>`;
      const text = JSON.parse(quoted) as string;
      // A token that is a line's end alone would not be seen.
      const shown = `<span class="token" title="token ${id}">${escapeHtml(text === '\n' ? '⏎\n' : text)}</span>`;
      return learned === '+' ? `<mark>${shown}</mark>` : shown;
    })
    .join('');
}

function noteLine(note: string): string {
  const warns = note.startsWith('Warning:');
  return `<li${warns ? ' class="warn"' : ''}>${escapeHtml(note)}</li>`;
}

/** What stands before the example: what a reader should see in it. */
const exampleWords: Readonly<Record<LossUnit, string>> = {
  token: 'One example as the model met it. It learned to write what is <mark>marked</mark>; the rest it was given.',
  pair: 'One pair as the model met it, the chosen answer first. The answers, which it learned to tell apart, are <mark>marked</mark>.',
  example: 'One example as the model met it, token by token, and the label that it learned to give it.',
  answer: 'One prompt as the model met it. What it learned from are its own answers.',
};

/** The files, what was counted in them, and one example with its mask. */
export function dataSection({ data, dataStep }: TuneConfig, { preview, lossPer }: RunRecord): string {
  const files: [string, string][] = [['training', listOf(data.path).join(', ')]];
  const heldOut = heldOutOf(data)?.paths.join(', ');
  if (heldOut !== undefined) files.push(['evaluation', heldOut]);
  else if (data.evalShare !== undefined)
    files.push(['evaluation', `${(100 * data.evalShare).toFixed(1)}% of the same, which was not trained on`]);
  else files.push(['evaluation', 'none']);
  if (data.formatter !== undefined) files.push(['formatter', data.formatter]);
  if (makeDataStep(dataStep)) files.push(['data step', dataStep.type]);
  // Word pieces have no space between words in them.
  const spaced = preview.example.some((line) => / "[^"]* /.test(line));
  return `<h2>What it was trained on</h2>
${definitions(files)}
<ul>${preview.notes.map(noteLine).join('')}</ul>
<p>${exampleWords[lossPer ?? 'token']}</p>
<pre${spaced ? '' : ' class="apart"'}>${exampleText(preview.example)}</pre>`;
}
