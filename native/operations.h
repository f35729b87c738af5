// The operations of the elementwise kernel: name and operands. Their place in this list is their number in a plan.
// Registers hold 32-bit lanes: f32, i32, or bool as 0 and 1.
#define TL_OPERATIONS(X)                                                                                               \
  X(add, 2) X(sub, 2) X(mul, 2) X(div, 2) X(maximum, 2) X(minimum, 2) X(pow, 2) X(less, 2) X(lessEqual, 2) X(equal, 2)  \
  X(neg, 1) X(abs, 1) X(exp, 1) X(log, 1) X(sqrt, 1) X(rsqrt, 1) X(tanh, 1) X(sigmoid, 1) X(erf, 1) X(sin, 1)           \
  X(cos, 1) X(floor, 1) X(round, 1) X(sign, 1) X(relu, 1) X(expm1, 1) X(log1p, 1)                                      \
  X(addI, 2) X(subI, 2) X(mulI, 2) X(maximumI, 2) X(minimumI, 2) X(lessI, 2) X(lessEqualI, 2) X(equalI, 2)             \
  X(andB, 2) X(orB, 2) X(notB, 1) X(where, 3) X(f32ToI32, 1) X(i32ToF32, 1) X(f32ToBool, 1) X(i32ToBool, 1) X(copy, 1)
