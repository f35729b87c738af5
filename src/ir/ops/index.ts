import type { Op } from '../op.ts';
import { absOp } from './abs.ts';
import { adamwOp } from './adamw.ts';
import { addOp } from './add.ts';
import { afterOp } from './after.ts';
import { andOp } from './and.ts';
import { argmaxOp } from './argmax.ts';
import { attentionGradOp, attentionOp } from './attention.ts';
import { avgPoolOp } from './avgPool.ts';
import { broadcastToOp } from './broadcastTo.ts';
import { cachedAttentionOp } from './cachedAttention.ts';
import { castOp } from './cast.ts';
import { choleskyOp } from './cholesky.ts';
import { clipOp } from './clip.ts';
import { concatOp } from './concat.ts';
import { constantOp } from './constant.ts';
import { convOp } from './conv.ts';
import { convTransposeOp } from './convTranspose.ts';
import { cosOp } from './cos.ts';
import { cumsumOp } from './cumsum.ts';
import { dequantizeOp } from './dequantize.ts';
import { divOp } from './div.ts';
import { embeddingOp } from './embedding.ts';
import { equalOp } from './equal.ts';
import { erfOp } from './erf.ts';
import { expOp } from './exp.ts';
import { expm1Op } from './expm1.ts';
import { flipOp } from './flip.ts';
import { floorOp } from './floor.ts';
import { gatherOp } from './gather.ts';
import { gegluGradOp, gegluOp } from './geglu.ts';
import { geluOp } from './gelu.ts';
import { geluTanhOp } from './geluTanh.ts';
import { groupNormOp } from './groupNorm.ts';
import { keepMaskOp } from './keepMask.ts';
import { keyedUniformOp } from './keyedUniform.ts';
import { layerNormGradOp, layerNormOp } from './layerNorm.ts';
import { lessOp } from './less.ts';
import { lessEqualOp } from './lessEqual.ts';
import { linearOp } from './linear.ts';
import { logOp } from './log.ts';
import { log1pOp } from './log1p.ts';
import { logSigmoidOp } from './logSigmoid.ts';
import { logSoftmaxOp } from './logSoftmax.ts';
import { logsumexpOp } from './logsumexp.ts';
import { matmulOp } from './matmul.ts';
import { maxPoolOp } from './maxPool.ts';
import { maximumOp } from './maximum.ts';
import { minimumOp } from './minimum.ts';
import { mulOp } from './mul.ts';
import { negOp } from './neg.ts';
import { notOp } from './not.ts';
import { orOp } from './or.ts';
import { padOp } from './pad.ts';
import { powOp } from './pow.ts';
import { reduceMaxOp } from './reduceMax.ts';
import { reduceMeanOp } from './reduceMean.ts';
import { reduceMinOp } from './reduceMin.ts';
import { reduceSumOp } from './reduceSum.ts';
import { reluOp } from './relu.ts';
import { reshapeOp } from './reshape.ts';
import { resizeOp } from './resize.ts';
import { rmsNormGradOp, rmsNormOp } from './rmsNorm.ts';
import { rotaryOp } from './rotary.ts';
import { roundOp } from './round.ts';
import { rsqrtOp } from './rsqrt.ts';
import { scatterAddAlongOp } from './scatterAddAlong.ts';
import { scatterAddRowsOp } from './scatterAddRows.ts';
import { sigmoidOp } from './sigmoid.ts';
import { signOp } from './sign.ts';
import { siluOp } from './silu.ts';
import { sinOp } from './sin.ts';
import { sliceOp } from './slice.ts';
import { softmaxOp } from './softmax.ts';
import { softplusOp } from './softplus.ts';
import { solveOp } from './solve.ts';
import { splitOp } from './split.ts';
import { sqrtOp } from './sqrt.ts';
import { stopGradientOp } from './stopGradient.ts';
import { straightThroughOp } from './straightThrough.ts';
import { subOp } from './sub.ts';
import { swigluGradOp, swigluOp } from './swiglu.ts';
import { takeAlongOp } from './takeAlong.ts';
import { tanhOp } from './tanh.ts';
import { topKOp } from './topK.ts';
import { transposeOp } from './transpose.ts';
import { varianceOp } from './variance.ts';
import { vocabularyGradOp, vocabularyOp } from './vocabulary.ts';
import { whereOp } from './where.ts';

/** Every op; the generic tests run over this list, and a test compares it with the folder. */
export const ops: readonly Op[] = [
  absOp,
  adamwOp,
  addOp,
  afterOp,
  andOp,
  argmaxOp,
  attentionGradOp,
  attentionOp,
  avgPoolOp,
  broadcastToOp,
  cachedAttentionOp,
  castOp,
  choleskyOp,
  clipOp,
  concatOp,
  constantOp,
  convOp,
  convTransposeOp,
  cosOp,
  cumsumOp,
  dequantizeOp,
  divOp,
  embeddingOp,
  equalOp,
  erfOp,
  expOp,
  expm1Op,
  flipOp,
  floorOp,
  gatherOp,
  gegluGradOp,
  gegluOp,
  geluOp,
  geluTanhOp,
  groupNormOp,
  keepMaskOp,
  keyedUniformOp,
  layerNormGradOp,
  layerNormOp,
  lessEqualOp,
  lessOp,
  linearOp,
  log1pOp,
  logOp,
  logSigmoidOp,
  logSoftmaxOp,
  logsumexpOp,
  matmulOp,
  maxPoolOp,
  maximumOp,
  minimumOp,
  mulOp,
  negOp,
  notOp,
  orOp,
  padOp,
  powOp,
  reduceMaxOp,
  reduceMeanOp,
  reduceMinOp,
  reduceSumOp,
  reluOp,
  reshapeOp,
  resizeOp,
  rmsNormGradOp,
  rmsNormOp,
  rotaryOp,
  roundOp,
  rsqrtOp,
  scatterAddAlongOp,
  scatterAddRowsOp,
  sigmoidOp,
  signOp,
  siluOp,
  sinOp,
  sliceOp,
  softmaxOp,
  softplusOp,
  solveOp,
  splitOp,
  sqrtOp,
  stopGradientOp,
  straightThroughOp,
  subOp,
  swigluGradOp,
  swigluOp,
  takeAlongOp,
  tanhOp,
  topKOp,
  transposeOp,
  varianceOp,
  vocabularyGradOp,
  vocabularyOp,
  whereOp,
];
