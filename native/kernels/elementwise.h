// A chain of elementwise operations as one pass over memory: a small program is run over tiles that stay in cache.
//
// ints: rank, sizes; inputs, each dtype and a stride per axis; immediates; outputs, each dtype and register; temporary
// registers; operations, each number, target and three operands. Registers are numbered: inputs, immediates,
// temporaries. floats: the immediates' values, as f32 or i32 by the ints. Slots: inputs, then outputs.
#pragma once
#include "../operations.h"
#include "../simd/math.h"

namespace tl::TL_SET::elementwise {

enum class Operation : int64_t {
#define X(name, operands) name,
  TL_OPERATIONS(X)
#undef X
};

constexpr int64_t kTile = 512;
constexpr int64_t kTask = 32 * kTile;
constexpr int kRegisters = 64;
constexpr int kRank = 8;
enum Type : int64_t { kF32, kI32, kBool };

struct Input {
  Type type;
  int64_t strides[kRank];
  // In row-major order like the output, or one value for all of it.
  bool dense, single;
};

struct Step {
  Operation operation;
  int64_t target, a, b, c;
};

struct Chain {
  int64_t rank, sizes[kRank], total;
  int64_t inputCount, immediateCount, outputCount, temporaryCount, stepCount;
  Input inputs[kRegisters];
  struct {
    Type type;
    int64_t place;
  } outputs[kRegisters];
  int32_t immediates[kRegisters];
  const int64_t *steps;
};

template <class Op> inline void one(float *to, const float *a, int64_t n, Op op) {
  int64_t i = 0;
  for (; i + W <= n; i += W) store(to + i, op(load(a + i)));
  if (i < n) storePart(to + i, op(loadPart(a + i, n - i)), n - i);
}
template <class Op> inline void two(float *to, const float *a, const float *b, int64_t n, Op op) {
  int64_t i = 0;
  for (; i + W <= n; i += W) store(to + i, op(load(a + i), load(b + i)));
  if (i < n) storePart(to + i, op(loadPart(a + i, n - i), loadPart(b + i, n - i)), n - i);
}
template <class Op> inline void twoI(float *to, const float *a, const float *b, int64_t n, Op op) {
  two(to, a, b, n, [op](F x, F y) { return floats(op(bits(x), bits(y))); });
}

inline F unordered(F a, F b, F y) { return pick(a == a, pick(b == b, y, b), a); }

inline void apply(Operation operation, float *to, const float *a, const float *b, const float *c, int64_t n) {
  switch (operation) {
  case Operation::add: return two(to, a, b, n, [](F x, F y) { return x + y; });
  case Operation::sub: return two(to, a, b, n, [](F x, F y) { return x - y; });
  case Operation::mul: return two(to, a, b, n, [](F x, F y) { return x * y; });
  case Operation::div: return two(to, a, b, n, [](F x, F y) { return x / y; });
  case Operation::maximum: return two(to, a, b, n, [](F x, F y) { return unordered(x, y, larger(x, y)); });
  case Operation::minimum: return two(to, a, b, n, [](F x, F y) { return unordered(x, y, smaller(x, y)); });
  case Operation::pow:
    return two(to, a, b, n, [](F x, F y) {
      for (int i = 0; i < W; i++) x[i] = std::pow(x[i], y[i]);
      return x;
    });
  case Operation::less: return two(to, a, b, n, [](F x, F y) { return floats((x < y) & 1); });
  case Operation::lessEqual: return two(to, a, b, n, [](F x, F y) { return floats((x <= y) & 1); });
  case Operation::equal: return two(to, a, b, n, [](F x, F y) { return floats((x == y) & 1); });
  case Operation::neg: return one(to, a, n, [](F x) { return -x; });
  case Operation::abs: return one(to, a, n, [](F x) { return floats(bits(x) & 0x7fffffff); });
  case Operation::exp: return one(to, a, n, [](F x) { return exp(x); });
  case Operation::log: return one(to, a, n, [](F x) { return log(x); });
  case Operation::sqrt: return one(to, a, n, [](F x) { return squareRoot(x); });
  case Operation::rsqrt: return one(to, a, n, [](F x) { return 1.0f / squareRoot(x); });
  case Operation::tanh: return one(to, a, n, [](F x) { return tanh(x); });
  case Operation::sigmoid: return one(to, a, n, [](F x) { return sigmoid(x); });
  case Operation::erf: return one(to, a, n, [](F x) { return erf(x); });
  case Operation::sin: return one(to, a, n, [](F x) { return eachLane(x, [](float v) { return std::sin(v); }); });
  case Operation::cos: return one(to, a, n, [](F x) { return eachLane(x, [](float v) { return std::cos(v); }); });
  case Operation::floor: return one(to, a, n, [](F x) { return below(x); });
  case Operation::round: return one(to, a, n, [](F x) { return nearest(x); });
  case Operation::sign:
    return one(to, a, n, [](F x) { return __builtin_convertvector((x < F{}) - (x > F{}), F); });
  case Operation::relu: return one(to, a, n, [](F x) { return pick(x < F{}, F{}, x); });
  case Operation::expm1: return one(to, a, n, [](F x) { return expm1(x); });
  case Operation::log1p: return one(to, a, n, [](F x) { return log1p(x); });
  case Operation::addI: return twoI(to, a, b, n, [](I x, I y) { return x + y; });
  case Operation::subI: return twoI(to, a, b, n, [](I x, I y) { return x - y; });
  case Operation::mulI: return twoI(to, a, b, n, [](I x, I y) { return x * y; });
  case Operation::maximumI: return twoI(to, a, b, n, [](I x, I y) { return x > y ? x : y; });
  case Operation::minimumI: return twoI(to, a, b, n, [](I x, I y) { return x < y ? x : y; });
  case Operation::lessI: return twoI(to, a, b, n, [](I x, I y) { return (x < y) & 1; });
  case Operation::lessEqualI: return twoI(to, a, b, n, [](I x, I y) { return (x <= y) & 1; });
  case Operation::equalI: return twoI(to, a, b, n, [](I x, I y) { return (x == y) & 1; });
  case Operation::andB: return twoI(to, a, b, n, [](I x, I y) { return x & y; });
  case Operation::orB: return twoI(to, a, b, n, [](I x, I y) { return x | y; });
  case Operation::notB: return one(to, a, n, [](F x) { return floats(bits(x) ^ 1); });
  case Operation::where: {
    int64_t i = 0;
    for (; i + W <= n; i += W) store(to + i, pick(bits(load(a + i)) != 0, load(b + i), load(c + i)));
    if (i < n)
      storePart(to + i, pick(bits(loadPart(a + i, n - i)) != 0, loadPart(b + i, n - i), loadPart(c + i, n - i)), n - i);
    return;
  }
  case Operation::f32ToI32: return one(to, a, n, [](F x) { return floats(__builtin_convertvector(x, I)); });
  case Operation::i32ToF32: return one(to, a, n, [](F x) { return __builtin_convertvector(bits(x), F); });
  case Operation::f32ToBool: return one(to, a, n, [](F x) { return floats((x != F{}) & 1); });
  case Operation::i32ToBool: return one(to, a, n, [](F x) { return floats((bits(x) != 0) & 1); });
  case Operation::copy: return one(to, a, n, [](F x) { return x; });
  }
}

// Elements [start, start + n) of the output's order, gathered from an input; runs along the last axis go at once.
inline void gather(const Chain &chain, const Input &input, const void *from, int64_t start, int64_t n, int32_t *to) {
  int64_t place[kRank] = {}, at = 0, rest = start;
  for (int64_t axis = chain.rank - 1; axis >= 0; axis--) {
    place[axis] = rest % chain.sizes[axis];
    rest /= chain.sizes[axis];
    at += place[axis] * input.strides[axis];
  }
  int64_t last = chain.rank - 1, step = last < 0 ? 0 : input.strides[last];
  auto words = static_cast<const int32_t *>(from);
  auto bytes = static_cast<const uint8_t *>(from);
  for (int64_t done = 0; done < n;) {
    int64_t run = last < 0 ? n : least(n - done, chain.sizes[last] - place[last]);
    if (input.type == kBool)
      for (int64_t i = 0; i < run; i++) to[done + i] = bytes[at + i * step];
    else if (step == 1)
      std::memcpy(to + done, words + at, static_cast<size_t>(run) * 4);
    else
      for (int64_t i = 0; i < run; i++) to[done + i] = words[at + i * step];
    done += run;
    if (done == n) return;
    at += run * step;
    place[last] += run;
    for (int64_t axis = last; axis > 0 && place[axis] == chain.sizes[axis]; axis--) {
      at += input.strides[axis - 1] - input.strides[axis] * chain.sizes[axis];
      place[axis] = 0;
      place[axis - 1]++;
    }
  }
}

inline Chain read(const Args &args) {
  Chain chain;
  const int64_t *at = args.ints;
  chain.rank = *at++;
  chain.total = 1;
  for (int64_t i = 0; i < chain.rank; i++) chain.total *= chain.sizes[i] = *at++;
  chain.inputCount = *at++;
  for (int64_t i = 0; i < chain.inputCount; i++) {
    Input &input = chain.inputs[i];
    input.type = static_cast<Type>(*at++);
    input.dense = input.single = true;
    int64_t stride = 1;
    for (int64_t axis = 0; axis < chain.rank; axis++) {
      input.strides[axis] = *at++;
      if (input.strides[axis] != 0) input.single = false;
    }
    for (int64_t axis = chain.rank - 1; axis >= 0; axis--) {
      if (input.strides[axis] != stride) input.dense = false;
      stride *= chain.sizes[axis];
    }
  }
  chain.immediateCount = *at++;
  for (int64_t i = 0; i < chain.immediateCount; i++) {
    float value = args.f(static_cast<int>(i));
    if (*at++ == kF32) std::memcpy(&chain.immediates[i], &value, 4);
    else chain.immediates[i] = static_cast<int32_t>(args.floats[i]);
  }
  chain.outputCount = *at++;
  for (int64_t i = 0; i < chain.outputCount; i++) {
    chain.outputs[i].type = static_cast<Type>(*at++);
    chain.outputs[i].place = *at++;
  }
  chain.temporaryCount = *at++;
  chain.stepCount = *at++;
  chain.steps = at;
  return chain;
}

inline void task(const Chain &chain, const Args &args, int64_t from, int64_t to, float *memory) {
  const int64_t fixed = chain.inputCount + chain.immediateCount;
  float *registers[kRegisters];
  for (int64_t i = 0; i < fixed + chain.temporaryCount; i++) registers[i] = memory + i * kTile;
  for (int64_t i = 0; i < chain.immediateCount; i++)
    for (int64_t j = 0; j < kTile; j++) std::memcpy(registers[chain.inputCount + i] + j, &chain.immediates[i], 4);
  for (int64_t i = 0; i < chain.inputCount; i++) {
    const Input &input = chain.inputs[i];
    if (!input.single) continue;
    int32_t value = input.type == kBool ? *args.at<uint8_t>(static_cast<int>(i)) : *args.at<int32_t>(static_cast<int>(i));
    for (int64_t j = 0; j < kTile; j++) std::memcpy(registers[i] + j, &value, 4);
  }
  for (int64_t start = from; start < to; start += kTile) {
    const int64_t n = least(kTile, to - start);
    for (int64_t i = 0; i < chain.inputCount; i++) {
      const Input &input = chain.inputs[i];
      if (input.single) continue;
      const int slot = static_cast<int>(i);
      if (input.dense && input.type != kBool) registers[i] = args.at<float>(slot) + start;
      else gather(chain, input, args.at<void>(slot), start, n, reinterpret_cast<int32_t *>(memory + i * kTile));
    }
    for (int64_t i = 0; i < chain.stepCount; i++) {
      const int64_t *step = chain.steps + 5 * i;
      apply(static_cast<Operation>(step[0]), registers[step[1]], registers[step[2]], registers[step[3]],
            registers[step[4]], n);
    }
    // Outputs are written last: one may lie over an input that a later step still reads.
    for (int64_t i = 0; i < chain.outputCount; i++) {
      const float *found = registers[chain.outputs[i].place];
      const int slot = static_cast<int>(chain.inputCount + i);
      if (chain.outputs[i].type != kBool) {
        if (args.at<float>(slot) + start != found)
          std::memcpy(args.at<float>(slot) + start, found, static_cast<size_t>(n) * 4);
        continue;
      }
      for (int64_t j = 0; j < n; j++)
        args.at<uint8_t>(slot)[start + j] = reinterpret_cast<const int32_t *>(found)[j] != 0;
    }
  }
}

inline void run(Context &context, const Args &args) {
  const Chain chain = read(args);
  const int64_t registers = chain.inputCount + chain.immediateCount + chain.temporaryCount;
  if (registers > kRegisters || chain.rank > kRank) return context.fail("elementwise: too many registers or axes");
  context.reserve(static_cast<size_t>(registers * kTile) * 4);
  context.pool.run(ceilDiv(chain.total, kTask), [&](int64_t i, int thread) {
    task(chain, args, i * kTask, least(chain.total, (i + 1) * kTask), context.own<float>(thread));
  });
}

} // namespace tl::TL_SET::elementwise
