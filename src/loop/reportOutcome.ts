import { chart } from './chart.ts';
import type { ForgettingEvent, MetricsLine } from './events.ts';
import { escapeHtml } from './html.ts';
import { outcomeOf, outcomeRows } from './outcome.ts';

/** An interval at the end of a text stays on one line. */
const unbroken = (html: string): string => html.replace(/ (\([^()]*\))$/, ' <span class="whole">$1</span>');

/** Gain, forgetting and drift of the weights after `step`: the final table and curves; nothing where none was measured. */
export function outcomeSection(metrics: readonly MetricsLine[], step: number | undefined): string {
  const events = metrics.filter((line): line is ForgettingEvent => line.type === 'forgetting');
  const last = metrics.findLast((line) => line.type === 'eval' || line.type === 'forgetting');
  const rows = outcomeRows(outcomeOf(metrics, step ?? last?.step ?? 0));
  if (rows.length === 0 && events.length === 0) return '';
  const row = (tag: string, texts: readonly string[]): string =>
    `<tr>${texts.map((text) => `<${tag}>${unbroken(escapeHtml(text))}</${tag}>`).join('')}</tr>`;
  const points = (of: (event: ForgettingEvent) => number) => events.map((event) => ({ x: event.step, y: of(event) }));
  const table = `<table class="outcome">${row('th', ['', 'before', 'after', 'change (95%)'])}
${rows.map(({ name, before, after, change }) => row('td', [name, before, after, change])).join('\n')}</table>`;
  const curves = `<div class="pair">${chart('Forgotten, nats more for a token of the kept texts', [
    { name: 'change of loss', points: points(({ forgetting }) => forgetting.value), style: 'main' },
  ])}
${chart('Drift: KL(base‖model), nats a token', [
  { name: 'on the base’s own samples', points: points(({ klNats }) => klNats.own.value), style: 'main' },
  { name: 'on the task’s prompts', points: points(({ klNats }) => klNats.target.value), style: 'other' },
])}</div>`;
  return `<h2>${events.length === 0 ? 'Gained' : 'Gained, forgotten, drifted'}</h2>
${rows.length === 0 ? '' : table}
${events.length === 0 ? '' : curves}`;
}
