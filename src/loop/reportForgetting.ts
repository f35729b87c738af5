import { chart } from './chart.ts';
import type { ForgettingEvent, MetricsLine } from './events.ts';
import { escapeHtml } from './html.ts';
import { outcomeOf, outcomeRows } from './outcome.ts';

/** Gain, forgetting and drift of the weights after `step`: the final table and curves; nothing where none was measured. */
export function forgettingSection(metrics: readonly MetricsLine[], step: number | undefined): string {
  const events = metrics.filter((line): line is ForgettingEvent => line.type === 'forgetting');
  if (events.length === 0) return '';
  const rows = outcomeRows(outcomeOf(metrics, step ?? events.at(-1)?.step ?? 0));
  const cells = (tag: string, texts: readonly string[]): string =>
    `<tr>${texts.map((text) => `<${tag}>${escapeHtml(text)}</${tag}>`).join('')}</tr>`;
  const points = (of: (event: ForgettingEvent) => number) => events.map((event) => ({ x: event.step, y: of(event) }));
  const table = `<table>${cells('th', ['', 'before', 'after', 'change (95%)'])}
${rows.map(({ name, before, after, change }) => cells('td', [name, before, after, change])).join('\n')}</table>`;
  return `<h2>Gained, forgotten, drifted</h2>
${rows.length === 0 ? '' : table}
${chart('Forgotten: what a token of the kept texts costs more than before, nats', [
  { name: 'change of loss', points: points(({ forgetting }) => forgetting.value), style: 'dots' },
])}
${chart('Drift: KL(base‖model), nats a token', [
  { name: 'on the base’s own samples', points: points(({ klNats }) => klNats.own.value), style: 'main' },
  { name: 'on the task’s prompts', points: points(({ klNats }) => klNats.target.value), style: 'dots' },
])}`;
}
