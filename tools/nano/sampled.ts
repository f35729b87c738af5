import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import type { TextRow } from './text.ts';

interface Sample {
  readonly question: string;
  readonly text: string;
}

/** What SmolLM2-135M-Instruct (Apache-2.0) answered to the questions of ask.ts, up to the last whole sentence. */
export function sampledRows(): TextRow[] {
  const lines = gunzipSync(readFileSync(new URL('data/sampled.jsonl.gz', import.meta.url)))
    .toString('utf8')
    .trim()
    .split('\n');
  return lines.flatMap((line) => {
    const { question, text } = JSON.parse(line) as Sample;
    const whole = /^[\s\S]*[.!?]["']?(?=\s|$)/.exec(text.trim())?.[0] ?? '';
    // Lists, other alphabets and answers that are cut in their first sentence teach nothing here.
    if (whole.length < 20 || /[^\n -~]|[*#_|]|\d\./.test(whole)) return [];
    return [
      {
        prompt: [{ role: 'user', content: question }],
        completion: [{ role: 'assistant', content: whole.replaceAll(/\n+/g, '\n') }],
      },
    ];
  });
}
