/** The language of computation: values, operations, gradients. */
export { checkpoint, checkpointAll } from './checkpoint.ts';
export { expand } from './expand.ts';
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
export { hessianVectorProduct, jvp } from './jvp.ts';
export { type Attrs, defineOp, type Op, type Sample } from './op.ts';
export { abs } from './ops/abs.ts';
export { adamw, type AdamWAttrs } from './ops/adamw.ts';
export { add } from './ops/add.ts';
export { all } from './ops/all.ts';
export { and } from './ops/and.ts';
export { any } from './ops/any.ts';
export { arange } from './ops/arange.ts';
export { argmax } from './ops/argmax.ts';
export { argmin } from './ops/argmin.ts';
export { attention, type AttentionOptions } from './ops/attention.ts';
export { avgPool } from './ops/avgPool.ts';
export { batchNorm, batchStatistics } from './ops/batchNorm.ts';
export { broadcastTo } from './ops/broadcastTo.ts';
export { type Cache, cachedAttention, type CachedAttentionOptions } from './ops/cachedAttention.ts';
export { cast } from './ops/cast.ts';
export { cholesky } from './ops/cholesky.ts';
export { clip } from './ops/clip.ts';
export { concat } from './ops/concat.ts';
export { constant, filled, scalar } from './ops/constant.ts';
export { conv, type ConvOptions } from './ops/conv.ts';
export { convTranspose, type ConvTransposeOptions } from './ops/convTranspose.ts';
export { cos } from './ops/cos.ts';
export { cumsum } from './ops/cumsum.ts';
export { dequantize, type QuantizedType } from './ops/dequantize.ts';
export { div } from './ops/div.ts';
export { embedding } from './ops/embedding.ts';
export { equal } from './ops/equal.ts';
export { erf } from './ops/erf.ts';
export { exp } from './ops/exp.ts';
export { expm1 } from './ops/expm1.ts';
export { flip } from './ops/flip.ts';
export { floor } from './ops/floor.ts';
export { gather } from './ops/gather.ts';
export { geglu } from './ops/geglu.ts';
export { gelu } from './ops/gelu.ts';
export { geluTanh } from './ops/geluTanh.ts';
export { groupNorm } from './ops/groupNorm.ts';
export { ops } from './ops/index.ts';
export { inverse } from './ops/inverse.ts';
export { keepMask } from './ops/keepMask.ts';
export { keyedUniform } from './ops/keyedUniform.ts';
export { layerNorm } from './ops/layerNorm.ts';
export { less } from './ops/less.ts';
export { lessEqual } from './ops/lessEqual.ts';
export { linear, type LowRank } from './ops/linear.ts';
export { log } from './ops/log.ts';
export { log1p } from './ops/log1p.ts';
export { logSigmoid } from './ops/logSigmoid.ts';
export { logSoftmax } from './ops/logSoftmax.ts';
export { logsumexp } from './ops/logsumexp.ts';
export { matmul } from './ops/matmul.ts';
export { maximum } from './ops/maximum.ts';
export { maxPool, type PoolOptions } from './ops/maxPool.ts';
export { minimum } from './ops/minimum.ts';
export { balanceLoss, mixtureOfExperts, route } from './ops/mixtureOfExperts.ts';
export { mul } from './ops/mul.ts';
export { neg } from './ops/neg.ts';
export { not } from './ops/not.ts';
export { notEqual } from './ops/notEqual.ts';
export { oneHot } from './ops/oneHot.ts';
export { or } from './ops/or.ts';
export { pad } from './ops/pad.ts';
export { pow } from './ops/pow.ts';
export { max } from './ops/reduceMax.ts';
export { mean } from './ops/reduceMean.ts';
export { min } from './ops/reduceMin.ts';
export { sum } from './ops/reduceSum.ts';
export { relu } from './ops/relu.ts';
export { reshape } from './ops/reshape.ts';
export { resize, type ResizeOptions } from './ops/resize.ts';
export { rmsNorm } from './ops/rmsNorm.ts';
export { roll } from './ops/roll.ts';
export { rotary, type RotaryFrequencies } from './ops/rotary.ts';
export { round } from './ops/round.ts';
export { rsqrt } from './ops/rsqrt.ts';
export { scatterAddAlong } from './ops/scatterAddAlong.ts';
export { scatterAddRows } from './ops/scatterAddRows.ts';
export { sigmoid } from './ops/sigmoid.ts';
export { sign } from './ops/sign.ts';
export { silu } from './ops/silu.ts';
export { sin } from './ops/sin.ts';
export { slice } from './ops/slice.ts';
export { softmax } from './ops/softmax.ts';
export { softplus } from './ops/softplus.ts';
export { solve } from './ops/solve.ts';
export { sort } from './ops/sort.ts';
export { split } from './ops/split.ts';
export { sqrt } from './ops/sqrt.ts';
export { stack } from './ops/stack.ts';
export { stopGradient } from './ops/stopGradient.ts';
export { straightThrough } from './ops/straightThrough.ts';
export { sub } from './ops/sub.ts';
export { sumTo } from './ops/sumTo.ts';
export { swiglu } from './ops/swiglu.ts';
export { takeAlong } from './ops/takeAlong.ts';
export { tanh } from './ops/tanh.ts';
export { tokenLogprobs } from './ops/tokenLogprobs.ts';
export { topK, type TopKResult } from './ops/topK.ts';
export { transpose, transposeLast } from './ops/transpose.ts';
export { tril } from './ops/tril.ts';
export { triu } from './ops/triu.ts';
export { variance } from './ops/variance.ts';
export {
  type LogitSource,
  type Statistic,
  type VocabularyOptions,
  vocabularyStatistics,
  type VocabularyStatistics,
} from './ops/vocabulary.ts';
export { where } from './ops/where.ts';
export { perExampleGradientNorms, perExampleGradients } from './perExample.ts';
export { printGraph } from './print.ts';
export { fillNormal, fillUniform, permutation, type RandomKey, randomKey } from './random.ts';
export { repeatUpdates } from './repeatUpdates.ts';
export { type Carry, scan, type ScanOptions, type ScanStep } from './scan.ts';
export { simplify } from './simplify.ts';
export { tap, tapsOf, withPatches, withTaps } from './taps.ts';
export { type Dense, type DType, type Shape, type TensorType } from './types.ts';
export { verify } from './verify.ts';
