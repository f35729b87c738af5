// The kernels of one instruction set, in one order for all sets.
#pragma once
#include "convolution.h"
#include "copy.h"
#include "elementwise.h"
#include "gemm.h"
#include "index.h"
#include "reduce.h"

namespace tl::TL_SET {

// Name, function, slots (-1: as many as the call says).
constexpr KernelEntry kernels[] = {
    {"elementwise", elementwise::run, -1},
    {"copy", moving::run, 2},
    {"fill", moving::fill, 1},
    {"pad", moving::pad, 2},
    {"concat", moving::concat, -1},
    {"reduce", reduction::run, 2},
    {"cumsum", reduction::cumsum, 2},
    {"argmax", reduction::argmax, 2},
    {"topK", reduction::topK, 3},
    {"gather", indexing::gather, 3},
    {"scatterAddRows", indexing::scatterAddRows, 3},
    {"takeAlong", indexing::takeAlong, 3},
    {"scatterAddAlong", indexing::scatterAddAlong, 3},
    {"keepMask", indexing::keepMask, 4},
    {"keyedUniform", indexing::keyedUniform, 4},
    {"matmul", gemm::batched, 3},
    {"linear", gemm::linear, -1},
    {"conv", convolution::forward, 4},
    {"convTranspose", convolution::transposed, 4},
    {"maxPool", convolution::maxPool, 3},
};

constexpr int kernelCount = sizeof kernels / sizeof *kernels;

} // namespace tl::TL_SET
