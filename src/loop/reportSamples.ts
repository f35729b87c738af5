import { escapeHtml } from './html.ts';
import type { LossUnit } from './reportWords.ts';
import type { Sample, SampleSet } from './samples.ts';

const block = (title: string, text: string, kind = ''): string =>
  `<div><h4>${escapeHtml(title)}</h4><div class="text ${kind}">${text.trim() === '' ? '<span class="soft">(nothing)</span>' : escapeHtml(text)}</div></div>`;

function card(before: Sample, after: Sample | undefined, step: number): string {
  return `<div class="sample">${block('Prompt', before.prompt)}
<div class="answers">${block('What the data says', before.expected)}${block('Before', before.text)}${
    after === undefined ? '' : block(`After ${step} steps`, after.text, 'after')
  }</div></div>`;
}

/** What the model said to the same prompts before the first step and with the weights that the run came to. */
export function samplesSection(sets: readonly SampleSet[], maxNewTokens: number, per: LossUnit): string {
  const [before, ...later] = sets;
  const after = later.at(-1);
  if (before === undefined) return '';
  const source = before.held
    ? 'They are of the evaluation data, which the model was not trained on.'
    : 'They are of the training data, since nothing was held out: that it answers them says little.';
  const how =
    per === 'example'
      ? 'The likeliest label of the same texts.'
      : `The likeliest answer to the same prompts, token by token, cut after ${maxNewTokens} tokens.`;
  const unchanged =
    after !== undefined && before.samples.every(({ text }, i) => text === after.samples[i]?.text)
      ? '<p>All answers are the same as before.</p>'
      : '';
  return `<h2>Answers before and after</h2>
<p>${how} ${source}</p>${unchanged}
${before.samples.map((sample, i) => card(sample, after?.samples[i], after?.step ?? 0)).join('\n')}`;
}
