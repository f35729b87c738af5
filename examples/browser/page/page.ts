/** The page: starts the worker, shows what it tells. */
import type { Answer, Report, Request } from '../messages.ts';

function element(id: string): HTMLElement {
  const found = document.getElementById(id);
  if (!found) throw new RangeError(`Expected an element #${id} but found none`);
  return found;
}

const provider = element('provider') as HTMLSelectElement;
const stepsField = element('steps') as HTMLInputElement;
const [trainButton, stopButton] = [element('train') as HTMLButtonElement, element('stop') as HTMLButtonElement];
const status = element('status');
const show = (id: string, text: string): void => void (element(id).textContent = text);

let worker: Worker | undefined;
let steps = 0;
let losses: number[] = [];
let before: readonly Answer[] = [];

const ask = (request: Request): void => worker?.postMessage(request);

function say(text: string, failed = false): void {
  status.textContent = text;
  status.classList.toggle('failed', failed);
}

if (!('gpu' in navigator)) {
  const [, webgpu] = provider.options;
  if (webgpu) Object.assign(webgpu, { disabled: true, text: 'WebGPU (not in this browser)' });
}

function busy(training: boolean): void {
  trainButton.hidden = training;
  stopButton.hidden = !training;
  stopButton.disabled = false;
  provider.disabled = training;
  stepsField.disabled = training;
}

/** The losses as they are, and their running mean, in a frame of 100 by 100. */
function draw(): void {
  const top = Math.max(...losses, 1e-3);
  const y = (loss: number): number => 100 - (98 * loss) / top;
  const path = (values: readonly number[]): string =>
    values.map((loss, i) => `${i === 0 ? 'M' : 'L'}${(100 * (i + 1)) / steps} ${y(loss).toFixed(2)}`).join('');
  let mean = losses[0] ?? 0;
  const smooth = losses.map((loss) => (mean = 0.8 * mean + 0.2 * loss));
  const [faint, main] = element('chart').querySelectorAll('path');
  faint?.setAttribute('d', path(losses));
  main?.setAttribute('d', path(smooth));
  show('top', top.toFixed(1));
  show('bottom', '0');
}

const node = (tag: string, className: string, text: string): HTMLElement => {
  const made = document.createElement(tag);
  made.className = className;
  made.textContent = text;
  return made;
};

const isRight = ({ text, expected }: Answer): boolean => text === expected;
const rightOf = (answers: readonly Answer[]): number => answers.filter(isRight).length;

function turn(name: string, answer: Answer): HTMLElement {
  const line = node('div', 'turn', '');
  const right = isRight(answer);
  const mark = node('span', right ? 'right' : 'wrong', right ? '✓' : '✗');
  mark.setAttribute('aria-label', right ? 'right' : 'wrong');
  mark.setAttribute('role', 'img');
  line.append(node('span', '', name), node('span', 'text', answer.text || '(nothing)'), mark);
  return line;
}

/** The first questions with what the model said before and says now. */
function list(now: readonly Answer[] = []): void {
  const rows = before.slice(0, 6).map((answer, i) => {
    const row = document.createElement('li');
    const after = now[i];
    row.append(node('p', '', answer.question), turn('before', answer));
    if (after) row.append(turn('after', after));
    if (!after || !isRight(after)) row.append(node('p', 'wanted', `wanted: ${answer.expected}`));
    return row;
  });
  element('rows').replaceChildren(...rows);
}

function offer(files: Readonly<Record<string, Blob>>): void {
  const links = Object.entries(files).map(([name, blob]) => {
    const link = Object.assign(document.createElement('a'), { href: URL.createObjectURL(blob), download: name });
    link.textContent = name;
    const item = document.createElement('li');
    item.append(link, ` (${(blob.size / 1000).toFixed(1)} kB)`);
    return item;
  });
  element('files').replaceChildren(...links);
}

const told: { [T in Report['type']]: (report: Extract<Report, { type: T }>) => void } = {
  opened: ({ engine, parameters, trained }) => {
    const count = (n: number): string => n.toLocaleString('en');
    say(`${engine}. ${count(trained)} parameters are trained beside ${count(parameters)} that stay as they are.`);
  },
  answers: ({ when, answers }) => {
    if (when === 'before') before = answers;
    list(when === 'after' ? answers : []);
    element('answers').hidden = false;
    show('right', when === 'before' ? `${rightOf(answers)}` : `${rightOf(before)} → ${rightOf(answers)}`);
  },
  step: ({ step, loss, tokens, ms }) => {
    losses.push(loss);
    show('loss', loss.toFixed(3));
    show('step', `${step} of ${steps}`);
    show('speed', ((1000 * tokens) / ms).toFixed(0));
    (element('progress') as HTMLProgressElement).value = step / steps;
    draw();
  },
  trained: ({ steps: done, files }) => {
    say(`Trained for ${done} steps.`);
    offer(files);
    element('after').hidden = false;
    busy(false);
  },
  reply: ({ before: plain, after: tuned }) => {
    show('plain', plain || '(nothing)');
    show('tuned', tuned || '(nothing)');
    element('reply').hidden = false;
  },
  failed: ({ message }) => {
    say(message, true);
    busy(false);
  },
};

function start(): void {
  worker?.terminate();
  worker = new Worker('worker.js', { type: 'module' });
  worker.addEventListener('message', ({ data }: MessageEvent<Report>) =>
    (told[data.type] as (r: Report) => void)(data),
  );
  worker.addEventListener('error', ({ message }) => told.failed({ type: 'failed', message }));
  steps = stepsField.valueAsNumber;
  losses = [];
  for (const id of ['loss', 'step', 'speed', 'right']) show(id, '–');
  (element('progress') as HTMLProgressElement).value = 0;
  element('run').hidden = false;
  element('answers').hidden = true;
  element('after').hidden = true;
  element('reply').hidden = true;
  busy(true);
  say('Loading the engine and the model…');
  ask({ type: 'train', provider: provider.value as 'wasm' | 'webgpu', steps });
}

element('controls').addEventListener('submit', (event) => {
  event.preventDefault();
  start();
});
stopButton.addEventListener('click', () => {
  stopButton.disabled = true;
  say('Stopping after this step…');
  ask({ type: 'stop' });
});
element('asking').addEventListener('submit', (event) => {
  event.preventDefault();
  ask({ type: 'ask', question: (element('question') as HTMLInputElement).value });
});
