import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Option, parseArgs, requireAll } from '../../src/cli/args.ts';
import { UsageError } from '../../src/loop/usageError.ts';

const options: readonly Option[] = [
  { name: 'model', kind: { type: 'text' }, description: '', required: true },
  { name: 'batch-size', kind: { type: 'integer', least: 1 }, default: 8, description: '' },
  { name: 'rate', kind: { type: 'number' }, description: '' },
  { name: 'packing', kind: { type: 'boolean' }, description: '' },
  { name: 'loss', kind: { type: 'choice', values: ['all', 'completion'] }, description: '' },
  { name: 'targets', kind: { type: 'names' }, description: '' },
  { name: 'columns', kind: { type: 'map', of: 'text' }, description: '' },
  { name: 'ranks', kind: { type: 'map', of: 'number' }, description: '' },
  { name: 'max-time', kind: { type: 'minutes' }, description: '' },
];
const given = (...argv: string[]) => Object.fromEntries(parseArgs(argv, options).given);

const right: readonly (readonly [string[], object])[] = [
  [['--model', 'm', '--batch-size=3'], { model: 'm', 'batch-size': 3 }],
  [['--rate', '-1e-4'], { rate: -1e-4 }],
  [['--rate', '.5', '--packing'], { rate: 0.5, packing: true }],
  [['--packing', 'false', '--model', 'm'], { packing: false, model: 'm' }],
  [['--no-packing'], { packing: false }],
  [['--model='.concat('a=b')], { model: 'a=b' }],
  [['--targets', 'all-linear'], { targets: 'all-linear' }],
  [['--targets', 'q_proj'], { targets: ['q_proj'] }],
  [['--targets', 'q_proj,v_proj'], { targets: ['q_proj', 'v_proj'] }],
  [['--targets', 'q_proj', 'v_proj', '--packing'], { targets: ['q_proj', 'v_proj'], packing: true }],
  [['--targets', String.raw`.*\.(q|v)_proj{1,2}`], { targets: String.raw`.*\.(q|v)_proj{1,2}` }],
  [['--columns', 'prompt=question, completion=answer'], { columns: { prompt: 'question', completion: 'answer' } }],
  [['--columns', '{"prompt": "a,b=c"}'], { columns: { prompt: 'a,b=c' } }],
  [['--ranks', 'q_proj=4,v_proj=8'], { ranks: { q_proj: 4, v_proj: 8 } }],
  [['--max-time', '90s'], { 'max-time': 1.5 }],
  [['--max-time', '1h30m'], { 'max-time': 90 }],
  [['--max-time', '5'], { 'max-time': 5 }],
];
for (const [argv, expected] of right)
  test(`${argv.join(' ')} is read`, () => assert.deepEqual(given(...argv), expected));

const wrong: readonly (readonly [string[], RegExp])[] = [
  [['--modle', 'm'], /^There is no option --modle\. Did you mean --model\?$/],
  [['--batch_size', '3'], /Did you mean --batch-size\?$/],
  [['--wholly-unlike-it'], /^There is no option --wholly-unlike-it\.$/],
  [['--no-model'], /^There is no option --no-model\./],
  [['--model'], /^--model: expected a value but found none$/],
  [['--model', '--packing'], /^--model: expected a value but found none$/],
  [['--model='], /^--model: expected some text but found none$/],
  [['--batch-size', 'two'], /^--batch-size: expected a whole number of at least 1 but found two$/],
  [['--batch-size', '0'], /at least 1 but found 0$/],
  [['--batch-size', '1.5'], /found 1\.5$/],
  [['--rate', '0x'], /^--rate: expected a number but found 0x$/],
  [['--rate', 'Infinity'], /found Infinity$/],
  [['--packing=maybe'], /^--packing: expected true or false but found maybe$/],
  [['--loss', 'al'], /^--loss: expected all, completion but found al\. Did you mean all\?$/],
  [['--columns', 'prompt'], /^--columns: expected name=value,name=value or a JSON object but found prompt$/],
  [['--columns', '{"prompt": 3}'], /^--columns: expected name=value/],
  [['--columns', '{"prompt"'], /^--columns: expected name=value/],
  [['--ranks', 'q=x'], /^--ranks: expected a number but found x$/],
  [['--max-time', 'soon'], /^--max-time: expected a time as 90s, 10m or 1h30m but found soon$/],
  [['--max-time', '1..2m'], /^--max-time: expected a time/],
  [['--model', 'a', '--model', 'b'], /^--model: given twice$/],
  [['--packing', '--no-packing'], /^--packing: given twice$/],
  [['stray'], /^Expected an option such as --model but found stray\.$/],
  [['-model', 'm'], /found -model\. Did you mean --model\?$/],
];
for (const [argv, message] of wrong) {
  test(`${argv.join(' ')} is refused`, () => {
    assert.throws(
      () => parseArgs(argv, options),
      (error: Error) => error instanceof UsageError && message.test(error.message),
    );
  });
}

test('defaults stand where nothing was given, and what is required is asked for', () => {
  const args = parseArgs([], options);
  assert.equal(args.number('batch-size'), 8);
  assert.equal(args.text('loss'), undefined);
  assert.equal(args.flag('packing'), false);
  assert.throws(() => requireAll(args, options), /^UsageError: --model is missing$/);
  requireAll(parseArgs(['--model', 'm'], options), options);
});
