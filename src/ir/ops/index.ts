import type { Op } from '../op.ts';
import { adamwOp } from './adamw.ts';
import { addOp } from './add.ts';
import { afterOp } from './after.ts';
import { andOp } from './and.ts';
import { argmaxOp } from './argmax.ts';
import { attentionGradOp, attentionOp } from './attention.ts';
import { broadcastToOp } from './broadcastTo.ts';
import { cachedAttentionOp } from './cachedAttention.ts';
import { castOp } from './cast.ts';
import { concatOp } from './concat.ts';
import { constantOp } from './constant.ts';
import { divOp } from './div.ts';
import { embeddingOp } from './embedding.ts';
import { equalOp } from './equal.ts';
import { expOp } from './exp.ts';
import { keepMaskOp } from './keepMask.ts';
import { lessOp } from './less.ts';
import { linearOp } from './linear.ts';
import { logOp } from './log.ts';
import { matmulOp } from './matmul.ts';
import { mulOp } from './mul.ts';
import { negOp } from './neg.ts';
import { reduceMaxOp } from './reduceMax.ts';
import { reduceSumOp } from './reduceSum.ts';
import { reshapeOp } from './reshape.ts';
import { rmsNormGradOp, rmsNormOp } from './rmsNorm.ts';
import { rotaryOp } from './rotary.ts';
import { scatterAddRowsOp } from './scatterAddRows.ts';
import { sigmoidOp } from './sigmoid.ts';
import { sliceOp } from './slice.ts';
import { softmaxOp } from './softmax.ts';
import { sqrtOp } from './sqrt.ts';
import { stopGradientOp } from './stopGradient.ts';
import { subOp } from './sub.ts';
import { swigluGradOp, swigluOp } from './swiglu.ts';
import { takeAlongOp } from './takeAlong.ts';
import { tanhOp } from './tanh.ts';
import { tokenLogprobsHeadGradOp, tokenLogprobsOp } from './tokenLogprobs.ts';
import { transposeOp } from './transpose.ts';
import { whereOp } from './where.ts';

/** Every op; the generic tests run over this list, and a test compares it with the folder. */
export const ops: readonly Op[] = [
  adamwOp,
  addOp,
  afterOp,
  andOp,
  argmaxOp,
  attentionGradOp,
  attentionOp,
  broadcastToOp,
  cachedAttentionOp,
  castOp,
  concatOp,
  constantOp,
  divOp,
  embeddingOp,
  equalOp,
  expOp,
  keepMaskOp,
  lessOp,
  linearOp,
  logOp,
  matmulOp,
  mulOp,
  negOp,
  reduceMaxOp,
  reduceSumOp,
  reshapeOp,
  rmsNormGradOp,
  rmsNormOp,
  rotaryOp,
  scatterAddRowsOp,
  sigmoidOp,
  sliceOp,
  softmaxOp,
  sqrtOp,
  stopGradientOp,
  subOp,
  swigluGradOp,
  swigluOp,
  takeAlongOp,
  tanhOp,
  tokenLogprobsHeadGradOp,
  tokenLogprobsOp,
  transposeOp,
  whereOp,
];
