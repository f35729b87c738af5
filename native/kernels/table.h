// The kernels of one instruction set, in one order for all sets.
#pragma once
#include "attentionGrad.h"
#include "cachedAttention.h"
#include "convolution.h"
#include "copy.h"
#include "dequantize.h"
#include "elementwise.h"
#include "gemm.h"
#include "index.h"
#include "reduce.h"
#include "rows.h"
#include "vocabulary.h"

namespace tl::TL_SET {

// Name, function, slots (-1: as many as the call says), which of them may hold bf16.
constexpr KernelEntry kernels[] = {
    {"elementwise", elementwise::run, -1},
    {"copy", moving::run, 2},
    {"fill", moving::fill, 1},
    {"pad", moving::pad, 2},
    {"concat", moving::concat, -1},
    {"dequantize", quantized::dequantize, 3},
    {"reduce", reduction::run, 2},
    {"cumsum", reduction::cumsum, 2},
    {"argmax", reduction::argmax, 2},
    {"topK", reduction::topK, 3},
    {"gather", indexing::gather, 4, 1 << 0},
    {"scatterAddRows", indexing::scatterAddRows, 3},
    {"takeAlong", indexing::takeAlong, 3},
    {"scatterAddAlong", indexing::scatterAddAlong, 3},
    {"keepMask", indexing::keepMask, 4},
    {"keyedUniform", indexing::keyedUniform, 4},
    {"matmul", gemm::batched, 3, 1 << 1},
    {"layerMatmul", gemm::batched, 3, 1 << 1},
    {"linear", gemm::linear, -1, 1 << 1},
    {"conv", convolution::forward, 4},
    {"convTranspose", convolution::transposed, 4},
    {"maxPool", convolution::maxPool, 3},
    {"rmsNorm", rowwise::rmsNorm, 4},
    {"rmsNormGrad", rowwise::rmsNormGrad, 6},
    {"rotary", rowwise::rotary, 5},
    {"attention", attention::run, 9},
    {"attentionGrad", attention::gradient, 10},
    {"cachedAttention", attention::cached, 10},
    {"vocabularyLogprobs", vocabulary::logprobs, 7, 1 << 1},
    {"vocabularyHeadGrad", vocabulary::headGrad, 6, 1 << 1},
};

constexpr int kernelCount = sizeof kernels / sizeof *kernels;

} // namespace tl::TL_SET
