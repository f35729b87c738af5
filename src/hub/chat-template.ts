/**
 * Chat templates as transformers renders them: Jinja with trimmed and left-stripped blocks, loop controls, `tojson`, `raise_exception`,
 * `strftime_now` and `{% generation %}` blocks.
 */
import { Environment, Interpreter, parse, tokenize } from '@huggingface/jinja';
import { reasonOf } from '../ir/errors.ts';
import { generationName, type Rendering, templateFunctions } from './jinja-functions.ts';
import { rewriteTemplate } from './jinja-rewrite.ts';
import { fromJson, isList, isString, makeBoolean, makeNone, type Scope, type Value } from './jinja-values.ts';
import type { Json } from './python-text.ts';

/** Text of a rendered template; `spans` are the UTF-16 ranges of its `{% generation %}` blocks, in order. */
export type Rendered = { text: string; spans: { start: number; end: number }[] };

export type ChatTemplate = {
  source: string;
  /** Whether the template says which text the assistant generated. */
  hasGeneration: boolean;
  /** Variables: messages, tools, add_generation_prompt, bos_token…; throws Error with the template's own message, or RangeError past a limit. */
  render: (variables: { [name: string]: Json }) => Rendered;
};

export type ChatTemplateOptions = {
  /** The clock of `strftime_now`. */
  now?: () => Date;
  /** Longest text a rendering may hold. */
  maxChars?: number;
  /** Evaluated expressions per rendering; long texts count as more. */
  maxSteps?: number;
  /** Longest time of a rendering; real templates take milliseconds. */
  maxMs?: number;
};

const maxTemplateChars = 1 << 20;
const generationBlock = /\{%-?\s*generation\s*-?%\}/;

/** Parses a template; throws SyntaxError where it is not Jinja, RangeError where it is too long to parse safely. */
export function compileChatTemplate(source: string, options: ChatTemplateOptions = {}): ChatTemplate {
  const { now = () => new Date(), maxChars = 1 << 24, maxSteps = 5_000_000, maxMs = 5000 } = options;
  if (source.length > maxTemplateChars) {
    throw new RangeError(`Chat template: expected at most ${maxTemplateChars} characters but found ${source.length}`);
  }
  // the library's lexer takes quadratic time on runs of white space
  if (/\s{1000}/.test(source)) throw new RangeError('Chat template: a run of over 1,000 white-space characters');
  const marked = source
    .replace(/\r\n?/g, '\n')
    .replace(/\{%(-?)\s*generation\s*(-?)%\}/g, `{%$1 call ${generationName}() $2%}`)
    .replace(/\{%(-?)\s*endgeneration\s*(-?)%\}/g, '{%$1 endcall $2%}');
  const program = failing(
    () => rewriteTemplate(parse(tokenize(marked, { lstrip_blocks: true, trim_blocks: true }))),
    SyntaxError,
  );

  const render = (variables: { [name: string]: Json }): Rendered => {
    let steps = 0;
    let unchecked = 0;
    const deadline = performance.now() + maxMs;
    const rendering: Rendering = {
      outputs: [''],
      spans: [],
      maxChars,
      charge(count) {
        steps += count;
        if (steps > maxSteps) throw new RangeError(`took more than ${maxSteps} steps`);
        unchecked += count;
        if (unchecked < 1024) return;
        unchecked = 0;
        if (performance.now() > deadline) throw new RangeError(`took longer than ${maxMs} ms`);
      },
    };
    const environment = new Environment();
    const scope = environment as unknown as Scope;
    for (const [name, value] of templateFunctions(rendering, now)) scope.variables.set(name, value);
    for (const [name, value] of [
      ['true', true],
      ['True', true],
      ['false', false],
      ['False', false],
    ] as const) {
      scope.variables.set(name, makeBoolean(value));
    }
    scope.variables.set('none', makeNone());
    scope.variables.set('None', makeNone());
    for (const [name, value] of Object.entries(variables)) scope.variables.set(name, fromJson(value));

    const interpreter = new Interpreter(environment);
    const evaluate = interpreter.evaluate.bind(interpreter);
    interpreter.evaluate = (statement: Parameters<typeof evaluate>[0], inner: Environment) => {
      rendering.charge(1);
      const value = evaluate(statement, inner);
      const held = value as unknown as Value;
      if (isString(held)) {
        if (held.value.length > maxChars) throw new RangeError(`text longer than ${maxChars} characters`);
        rendering.charge(held.value.length >> 8);
      } else if (isList(held)) {
        if (held.value.length > maxSteps) throw new RangeError(`a list of more than ${maxSteps} items`);
        rendering.charge(held.value.length >> 4);
      }
      return value;
    };
    failing(() => interpreter.run(program as never), Error);
    return { text: rendering.outputs[0] ?? '', spans: rendering.spans };
  };
  return { source, hasGeneration: generationBlock.test(source), render };
}

/** Errors get the template's name before them; a full stack is an error of the template's, too. */
function failing<T>(work: () => T, Kind: new (message: string, options: ErrorOptions) => Error): T {
  try {
    return work();
  } catch (error) {
    const unsaid =
      error instanceof Error && error.message !== '' ? 'it breaks off' : 'break or continue outside of its loop';
    const message = reasonOf(error, unsaid);
    if (error instanceof RangeError) throw new RangeError(`Chat template: ${message}`, { cause: error });
    throw new Kind(`Chat template: ${message}`, { cause: error });
  }
}
