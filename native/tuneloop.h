// C interface of the native engine. Every function may be called from any thread; runs of one engine are serialised.
#pragma once
#include <stdint.h>

#ifdef _WIN32
#define TL_EXPORT __declspec(dllexport)
#else
#define TL_EXPORT __attribute__((visibility("default")))
#endif

#ifdef __cplusplus
extern "C" {
#endif

// Raised whenever a plan, a kernel's operands or this file change: caller and library must agree.
#define TL_VERSION 8

typedef struct tl_engine tl_engine;
typedef struct tl_program tl_program;

TL_EXPORT int32_t tl_version(void);

// Instruction sets of this machine that the library has kernels for, best first, as a list with commas: those that multiply
// f32, or those that round operands of products to bf16 and add up in f32.
TL_EXPORT const char *tl_instruction_sets(int32_t bf16);

// Sets of the platform that the library was built without, since its compiler did not know them, as a list with commas.
TL_EXPORT const char *tl_instruction_sets_left_out(void);

// 1 where the processor has instructions of its own for the first of the bf16 sets.
TL_EXPORT int32_t tl_multiplies_bf16(void);

// Names of the kernels with commas; a kernel's number in a plan is its place here.
TL_EXPORT const char *tl_kernels(void);

// Names of the operations of the elementwise kernel with commas; numbered likewise.
TL_EXPORT const char *tl_operations(void);

// Null with a text in `error` when a set or a thread cannot be had.
TL_EXPORT tl_engine *tl_engine_open(const char *instruction_set, int32_t threads, char *error, int64_t error_size);
TL_EXPORT void tl_engine_close(tl_engine *engine);

// words: the plan, see plan.cpp. constants: bytes that its constant slots point into; both are copied.
TL_EXPORT tl_program *tl_program_load(tl_engine *engine, const double *words, int64_t word_count,
                                      const uint8_t *constants, int64_t constant_bytes, char *error,
                                      int64_t error_size);
TL_EXPORT void tl_program_release(tl_program *program);

// The place of the first value that is not finite, of f32 and of bf16, or -1.
TL_EXPORT int64_t tl_first_not_finite(const uint32_t *bits, int64_t count);
TL_EXPORT int64_t tl_first_not_finite_bf16(const uint16_t *bits, int64_t count);

// f32 to bf16, to nearest even; the place of the first value that is not finite then, or -1.
TL_EXPORT int64_t tl_round_bf16(const uint32_t *bits, uint16_t *to, int64_t count);

// Asks for large pages beneath memory that runs will read, of so many bytes at each address. A hint: it cannot fail.
TL_EXPORT void tl_use_large_pages(const uint64_t *addresses, const uint64_t *bytes, int64_t count);

// Runs once over the leaves' addresses; forms: 1 for a leaf of f32 that is held in bf16, else 0. 0, or 1 with a text in
// `error`; the program stays usable. What a kernel complains of begins with `call N: `, its place in the plan.
TL_EXPORT int32_t tl_program_run(tl_program *program, const uint64_t *leaves, const uint8_t *forms, int64_t leaf_count,
                                 char *error, int64_t error_size);

// out: bytes of the arena that programs share, bytes of scratch memory of kernels.
TL_EXPORT void tl_engine_memory(tl_engine *engine, double *out);

// Nanoseconds spent in each kernel since the last call, by the kernel's number.
TL_EXPORT void tl_engine_times(tl_engine *engine, double *out, int64_t count);

#ifdef __cplusplus
}
#endif
