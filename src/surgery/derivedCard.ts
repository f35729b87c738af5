import type { Checkpoint } from '../hub/checkpoint.ts';
import { basename } from '../hub/files.ts';
import { hubIdOfSnapshot } from '../hub/hubId.ts';
import { type ModelKind, modelKind } from '../nn/models/index.ts';

/** What the hub calls the use of a kind of model, and transformers the class that loads it. */
const uses: Readonly<Record<ModelKind, { readonly pipeline: string; readonly auto: string }>> = {
  language: { pipeline: 'text-generation', auto: 'AutoModelForCausalLM' },
  classifier: { pipeline: 'text-classification', auto: 'AutoModelForSequenceClassification' },
  encoder: { pipeline: 'feature-extraction', auto: 'AutoModel' },
  imageClassifier: { pipeline: 'image-classification', auto: 'AutoModelForImageClassification' },
  imageEncoder: { pipeline: 'image-feature-extraction', auto: 'AutoModel' },
};

/** What a model was made of: a checkpoint's path and, where one was merged in, an adapter's. */
export interface Origin {
  readonly model: string;
  readonly adapter?: string | undefined;
}

const nameOf = (path: string): string => hubIdOfSnapshot(path)?.id ?? basename(path);

/**
 * The README.md of a model that was made of another: its base where that is one of the hub's, the base's licence, and how
 * to load it, in transformers or, of an ONNX folder, in transformers.js as `dtype`.
 */
export function derivedCard(
  { config, license }: Pick<Checkpoint, 'config' | 'license'>,
  { model, adapter }: Origin,
  dtype?: string,
): string {
  const { pipeline, auto } = uses[modelKind(config)];
  const base = hubIdOfSnapshot(model)?.id;
  const library = dtype === undefined ? 'transformers' : 'transformers.js';
  const relation = dtype === undefined || adapter !== undefined ? 'finetune' : 'quantized';
  const front = [
    ...(base === undefined ? [] : [`base_model: ${JSON.stringify(base)}`, `base_model_relation: ${relation}`]),
    `library_name: ${library}`,
    `pipeline_tag: ${pipeline}`,
    ...(license === undefined ? [] : [`license: ${JSON.stringify(license)}`]),
    'tags:',
    '- "tuneloop"',
  ];
  const merged = adapter === undefined ? '' : `, with the adapter ${nameOf(adapter)} merged into its weights`;
  const load =
    dtype === undefined
      ? `\`\`\`python\nfrom transformers import ${auto}\n\nmodel = ${auto}.from_pretrained("path/to/this/folder")\n\`\`\``
      : `\`\`\`js\nimport { pipeline } from '@huggingface/transformers';\n\nconst run = await pipeline('${pipeline}', 'path/to/this/folder', { dtype: '${dtype}' });\n\`\`\``;
  const what = dtype === undefined ? '' : ` as ONNX (${dtype})`;
  return `---\n${front.join('\n')}\n---\n\n# ${nameOf(model)}${what}\n\nMade by tuneloop of ${nameOf(model)}${merged}.\n\n${load}\n`;
}
