import assert from 'node:assert/strict';
import type { Adapter, AdapterParameter } from '../../src/adapters/adapter.ts';
import type { Graph } from '../../src/ir/graph.ts';
import { add } from '../../src/ir/ops/add.ts';
import { constant } from '../../src/ir/ops/constant.ts';
import { concat } from '../../src/ir/ops/concat.ts';
import { linear } from '../../src/ir/ops/linear.ts';
import { mul } from '../../src/ir/ops/mul.ts';
import { broadcastTo } from '../../src/ir/ops/broadcastTo.ts';
import { sum } from '../../src/ir/ops/reduceSum.ts';
import { reshape } from '../../src/ir/ops/reshape.ts';
import { slice } from '../../src/ir/ops/slice.ts';
import { softmax } from '../../src/ir/ops/softmax.ts';
import { div } from '../../src/ir/ops/div.ts';
import { arange } from '../../src/ir/ops/arange.ts';
import type { Dense } from '../../src/ir/types.ts';
import { type LoadedModel } from '../../src/loop/model.ts';
import { wrapSites } from '../../src/nn/sites.ts';

export const drawn = (name: string, shape: readonly number[]): AdapterParameter => ({
  name,
  shape,
  decays: true,
  initialize: async (values, { key, random }) => {
    await random.fillNormal(values, key);
    for (let i = 0; i < values.length; i++) values[i] = 0.3 * (values[i] ?? 0);
  },
});

export const adapterOf = (
  parameters: readonly AdapterParameter[],
  sites: Adapter['sites'],
  more: Partial<Adapter> = {},
): Adapter => ({ type: 'test', parameters, drops: false, sites, merges: { cannot: 'it is a test' }, ...more });

/** Low-rank terms, one computed with the product and one beside it. */
export const lowRank = adapterOf(
  ['q_proj', 'down_proj'].flatMap((name) => [
    drawn(`${name} a`, [2, name === 'q_proj' ? 16 : 24]),
    drawn(`${name} b`, [16, 2]),
  ]),
  ({ param }) =>
    wrapSites({
      linear: (operands, base, name) => {
        if (name === 'model.layers.0.self_attn.q_proj')
          return base({ ...operands, lowRank: { a: param('q_proj a'), b: param('q_proj b'), scale: 0.5 } });
        if (name !== 'model.layers.1.mlp.down_proj') return base(operands);
        return add(base(operands), linear(linear(operands.x, param('down_proj a')), param('down_proj b')));
      },
    }),
);

export const routed = 'model.layers.1.mlp.up_proj';

/** Two experts beside a layer, a router between them, its loss of balance, its share and a running mean of its load. */
export const mixture = adapterOf(
  [
    drawn('router', [2, 16]),
    ...[0, 1].flatMap((expert) => [drawn(`a ${expert}`, [2, 16]), drawn(`b ${expert}`, [24, 2])]),
  ],
  ({ param, emissions, training }) =>
    wrapSites({
      linear: (operands, base, name) => {
        if (name !== routed) return base(operands);
        const gates = softmax(linear(operands.x, param('router')));
        const experts = [0, 1].map((expert) =>
          mul(
            slice(gates, 2, expert, expert + 1),
            linear(linear(operands.x, param(`a ${expert}`)), param(`b ${expert}`)),
          ),
        );
        if (training) {
          const weights = reshape(training.weights, [...training.weights.type.shape, 1]);
          const load = div(sum(mul(gates, weights), [0, 1]), sum(weights));
          emissions.emit({ kind: 'loss', name: 'balance', value: mul(sum(mul(load, load)), 2), weight: 0.1 });
          emissions.emit({ kind: 'metric', name: 'share', value: reshape(slice(load, 0, 0, 1), []) });
          emissions.emit({ kind: 'state', name: 'load', value: add(mul(param('load'), 0.9), mul(load, 0.1)) });
        }
        return experts.reduce((y, each) => add(y, each), base(operands));
      },
    }),
  { states: [{ name: 'load', shape: [2], initialize: async (values) => void values.fill(0.5) }] },
);

/** Learned keys and values before every sequence of every layer, beside what is added to all keys. */
export const prompt = adapterOf(
  [0, 1].flatMap((layer) => [
    drawn(`prompt keys ${layer}`, [3, 1, 8]),
    drawn(`prompt values ${layer}`, [3, 1, 8]),
    drawn(`prompt shift ${layer}`, [8]),
  ]),
  ({ param }) =>
    wrapSites({
      attention: (operands, base, name) => {
        const layer = name.includes('layers.0.') ? 0 : 1;
        return base({
          ...operands,
          k: add(operands.k, param(`prompt shift ${layer}`)),
          prefix: { keys: param(`prompt keys ${layer}`), values: param(`prompt values ${layer}`) },
        });
      },
    }),
  { prefixTokens: 3 },
);

/** Learned tokens before the embedded ones, cut off the hidden states again; only where no cache is. */
export const soft = adapterOf([drawn('tokens', [2, 16])], ({ param }) =>
  wrapSites({
    input: (operands, base) => {
      const [batch, time] = operands.x.type.shape as [number, number, number];
      const before = broadcastTo(reshape(param('tokens'), [1, 2, 16]), [batch, 2, 16]);
      const first = broadcastTo(reshape(arange(2), [1, 2]), [batch, 2]);
      const positions = concat([first, add(operands.positions, constant('i32', [], [2]))], 1);
      const y = base({
        ...operands,
        x: concat([before, operands.x], 1),
        positions,
        positionLimit: operands.positionLimit + 2,
      });
      return slice(y, 1, 2, time + 2);
    },
    head: (operands, base) => base({ ...operands, x: mul(operands.x, 1.5) }),
    norm: (operands, base, name) =>
      base(name === 'model.norm' ? { ...operands, weight: mul(operands.weight, 0.7) } : operands),
  }),
);

export const rows = [
  { index: 0, ids: Int32Array.of(4, 9, 31, 7, 22, 8, 12), mask: Uint8Array.of(0, 0, 1, 1, 1, 1, 1) },
  { index: 1, ids: Int32Array.of(6, 33, 17, 40), mask: Uint8Array.of(0, 1, 1, 1) },
];

export async function leavesOf({ leaves }: Graph, feeds: Record<string, Dense>, store: LoadedModel['store']) {
  const values: Record<string, Dense> = {};
  for (const { name, kind, type } of leaves) {
    const data = kind === 'parameter' ? await store.get(name).f32() : (feeds[name]?.data ?? assert.fail(name));
    values[name] = { ...type, data: Float64Array.from(data) };
  }
  return values;
}
