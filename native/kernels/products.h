// The kernels that a set of bf16 has of its own: products of layers and gradients of their weights, attention and the
// vocabulary. All others, such as the linear algebra of optimizers and gradients of low-rank factors, it takes from its set of f32.
#pragma once
#include "attentionGrad.h"
#include "cachedAttention.h"
#include "gemm.h"
#include "vocabulary.h"

namespace tl::TL_SET {

constexpr KernelEntry products[] = {
    {"linear", gemm::linear, -1, 1 << 1},
    {"layerMatmul", gemm::batched, 3, 1 << 1},
    {"attention", attention::run, 9},
    {"attentionGrad", attention::gradient, 10},
    {"cachedAttention", attention::cached, 10},
    {"vocabularyLogprobs", vocabulary::logprobs, 7, 1 << 1},
    {"vocabularyHeadGrad", vocabulary::headGrad, 6, 1 << 1},
};

constexpr int productCount = sizeof products / sizeof *products;

} // namespace tl::TL_SET
