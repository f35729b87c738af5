import { z } from 'zod';
import { add } from '../ir/ops/add.ts';
import { mul } from '../ir/ops/mul.ts';
import { reshape } from '../ir/ops/reshape.ts';
import type { Value } from '../ir/graph.ts';
import type { TaskModel } from '../nn/model.ts';
import type { Adapter, AdapterContext, AdapterParameter, Merge } from './adapter.ts';
import { type AdapterPart, combineParts } from './parts.ts';
import { taskOf } from './peftTask.ts';
import { replaceTensors } from './replaced.ts';
import { trainedHead } from './savedModules.ts';
import type { AdapterUnit } from './unit.ts';

/** A layer whose outputs are scaled and shifted. */
interface Scaled {
  readonly name: string;
  readonly width: number;
  /** Its weight has outputs along columns. */
  readonly byColumn: boolean;
  /** A norm multiplies by this plus its weight. */
  readonly offset: number;
  readonly biased: boolean;
}

const deviation = 0.02;

/** Convolutions, the linear layers inside the blocks and all norms: parameters of one dimension that start as the same number everywhere. */
function scaledLayers(model: TaskModel, trained: ReadonlySet<string>): Scaled[] {
  const names = new Set(model.parameters.map(({ name }) => name));
  const biased = (name: string): boolean => names.has(`${name}.bias`);
  const linears = model.linears.map(({ name, outFeatures, transposed = false }) => ({
    name,
    width: outFeatures,
    byColumn: transposed,
    offset: 0,
    biased: biased(name),
  }));
  const convolutions = (model.convolutions ?? []).map(({ name, outChannels }) => ({
    name,
    width: outChannels,
    byColumn: false,
    offset: 0,
    biased: biased(name),
  }));
  const norms = model.parameters.flatMap(({ name: weight, shape, init }): Scaled[] => {
    const [, name] = /^(.+)\.weight$/.exec(weight) ?? [];
    const [width, ...rest] = shape;
    if (name === undefined || width === undefined || rest.length > 0) return [];
    return [{ name, width, byColumn: false, offset: 1 - init.mean, biased: biased(name) }];
  });
  return [...convolutions, ...linears, ...norms].filter(({ name }) => !trained.has(name));
}

const namesOf = (name: string) => ({ scale: `${name}.ssf_scale`, shift: `${name}.ssf_shift` });

/** N(mean, 0.02²), as the official code starts both. */
const drawn =
  (mean: number): AdapterParameter['initialize'] =>
  async (values, { key, random }) => {
    await random.fillNormal(values, key);
    for (let i = 0; i < values.length; i++) values[i] = mean + deviation * (values[i] ?? 0);
  };

function mergesOf({ name, width, byColumn, offset, biased }: Scaled, shifts: boolean): Merge[] {
  const { scale, shift } = namesOf(name);
  const weight: Merge = {
    name: `${name}.weight`,
    apply: (values, param) => {
      const factors = param(scale);
      const inner = values.length / width;
      for (let i = 0; i < values.length; i++) {
        const factor = factors[byColumn ? i % width : Math.floor(i / inner)] ?? 1;
        values[i] = factor * (offset + (values[i] ?? 0)) - offset;
      }
    },
  };
  const bias: Merge = {
    name: `${name}.bias`,
    apply: (values, param) => {
      const [factors, added] = [param(scale), shifts ? param(shift) : undefined];
      for (let i = 0; i < values.length; i++) values[i] = (factors[i] ?? 1) * (values[i] ?? 0) + (added?.[i] ?? 0);
    },
  };
  return biased ? [weight, bias] : [weight];
}

function scaledPart(layers: readonly Scaled[], shifts: boolean): AdapterPart {
  const scaled = new Set(layers.map(({ name }) => name));
  const after = (context: AdapterContext, name: string, y: Value, inner = 0): Value => {
    if (!scaled.has(name)) return y;
    const { scale, shift } = namesOf(name);
    // Along the axis of the features, which `inner` axes follow.
    const along = (leaf: string): Value => {
      const value = context.param(leaf);
      return inner === 0 ? value : reshape(value, [...value.type.shape, ...Array<number>(inner).fill(1)]);
    };
    const grown = mul(y, along(scale));
    return shifts ? add(grown, along(shift)) : grown;
  };
  return {
    parameters: layers.flatMap(({ name, width }) => {
      const names = namesOf(name);
      const scale = { name: names.scale, shape: [width], decays: false, initialize: drawn(1) };
      return shifts ? [scale, { name: names.shift, shape: [width], decays: false, initialize: drawn(0) }] : [scale];
    }),
    wraps: (context) => ({
      linear: (operands, base, name) => after(context, name, base(operands)),
      norm: (operands, base, name) => after(context, name, base(operands)),
      convolution: (operands, base, name) => after(context, name, base(operands), operands.x.type.shape.length - 2),
    }),
    merges: layers.flatMap((layer) => mergesOf(layer, shifts)),
  };
}

/**
 * Scale and shift of features: y = γ ⊙ x + β after every linear layer, convolution and norm, γ and β trained, the rest frozen but for a
 * classifier's head; γ ~ N(1, 0.02²), β ~ N(0, 0.02²). Folds into the layer before: W' = diag(γ) W, b' = γ ⊙ b + β. Lian et al.
 * 2022, Scaling & Shifting Your Features, equations 3 and 4.
 */
export function ssf({ shift }: { readonly shift: boolean }, model: TaskModel): Adapter {
  const head = trainedHead(model);
  const layers = scaledLayers(model, new Set(head.map(({ module }) => module)));
  const { merges, ...parts } = combineParts([replaceTensors(head), scaledPart(layers, shift)]);
  const bare = layers.filter(({ biased }) => !biased);
  const [first] = bare;
  return {
    type: 'ssf',
    ...parts,
    drops: false,
    merges:
      shift && first
        ? { cannot: `${bare.length} of its layers, such as ${first.name}, have no bias that a shift could go into` }
        : merges,
    peft: {
      config: { peft_type: 'SSF', shift, task_type: taskOf(model).taskType ?? null },
      summary: `Scale${shift ? ' and shift' : ''} of features (SSF), which PEFT does not have: it loads in tuneloop`,
    },
  };
}

const schema = z.strictObject({
  type: z.literal('ssf').describe('scales and shifts of features'),
  shift: z
    .boolean()
    .default(true)
    .describe("Shifts features too, not only scales them; on models without biases such an adapter can't be merged"),
});

export const ssfUnit: AdapterUnit<'ssf', typeof schema> = {
  type: 'ssf',
  schema,
  make: (config, model) => ssf(config, model),
  peft: {
    type: 'SSF',
    describe: ({ shift }, tensors) => ({
      shift: shift === true,
      modules: tensors.filter((name) => name.endsWith('.ssf_scale')).length,
    }),
    read: ({ shift }, _tensors, model, file) => {
      if (typeof shift !== 'boolean')
        throw new TypeError(`${file}: shift: expected true or false but found ${JSON.stringify(shift)}`);
      return ssf({ shift }, model);
    },
  },
};
