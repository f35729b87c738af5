/** The language of computation: values, operations, gradients. */
export { checkpoint } from './checkpoint.ts';
export { type Cotangent, grad, gradients, type Params, valueAndGrad, vjp } from './grad.ts';
export {
  buildGraph,
  type Graph,
  input,
  inputSpec,
  type Leaf,
  type Node,
  parameter,
  parameterSpec,
  trace,
  type Value,
} from './graph.ts';
export { type Attrs, defineOp, type Op, type Sample } from './op.ts';
export { adamw, type AdamWAttrs } from './ops/adamw.ts';
export { add } from './ops/add.ts';
export { and } from './ops/and.ts';
export { argmax } from './ops/argmax.ts';
export { attention, type AttentionOptions } from './ops/attention.ts';
export { broadcastTo } from './ops/broadcastTo.ts';
export { type Cache, cachedAttention } from './ops/cachedAttention.ts';
export { cast } from './ops/cast.ts';
export { concat } from './ops/concat.ts';
export { constant, filled, scalar } from './ops/constant.ts';
export { div } from './ops/div.ts';
export { embedding } from './ops/embedding.ts';
export { equal } from './ops/equal.ts';
export { exp } from './ops/exp.ts';
export { ops } from './ops/index.ts';
export { keepMask } from './ops/keepMask.ts';
export { less } from './ops/less.ts';
export { linear, type LowRank } from './ops/linear.ts';
export { log } from './ops/log.ts';
export { matmul } from './ops/matmul.ts';
export { mul } from './ops/mul.ts';
export { neg } from './ops/neg.ts';
export { max } from './ops/reduceMax.ts';
export { sum } from './ops/reduceSum.ts';
export { reshape } from './ops/reshape.ts';
export { rmsNorm } from './ops/rmsNorm.ts';
export { rotary, type RotaryFrequencies } from './ops/rotary.ts';
export { scatterAddRows } from './ops/scatterAddRows.ts';
export { sigmoid } from './ops/sigmoid.ts';
export { slice } from './ops/slice.ts';
export { softmax } from './ops/softmax.ts';
export { sqrt } from './ops/sqrt.ts';
export { stopGradient } from './ops/stopGradient.ts';
export { sub } from './ops/sub.ts';
export { sumTo } from './ops/sumTo.ts';
export { swiglu } from './ops/swiglu.ts';
export { takeAlong } from './ops/takeAlong.ts';
export { tanh } from './ops/tanh.ts';
export { tokenLogprobs } from './ops/tokenLogprobs.ts';
export { transpose } from './ops/transpose.ts';
export { where } from './ops/where.ts';
export { fillNormal, fillUniform, permutation, type RandomKey, randomKey } from './random.ts';
export { simplify } from './simplify.ts';
export { type Dense, type DType, type Shape, type TensorType } from './types.ts';
export { verify } from './verify.ts';
