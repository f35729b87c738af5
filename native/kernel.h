// What a kernel sees: its operands, the threads, scratch memory, and a place for an error.
#pragma once
#include "pages.h"
#include "pool.h"
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <new>
#include <string>
#include <utility>
#include <vector>

namespace tl {

// Memory of 64-byte alignment that grows and never shrinks; much of it lies in large pages where the system has them.
class Memory {
public:
  Memory() = default;
  Memory(Memory &&other) noexcept : data_(other.data_), bytes_(other.bytes_) { other.data_ = nullptr; }
  Memory(const Memory &) = delete;
  ~Memory() { release(); }
  // At least `bytes`; what was there is lost. Throws std::bad_alloc.
  uint8_t *atLeast(size_t bytes) {
    if (bytes > bytes_) {
      release();
      data_ = static_cast<uint8_t *>(::operator new(bytes, alignment(bytes)));
      bytes_ = bytes;
      if (bytes >= kLarge) expectLargePages(data_, bytes);
    }
    return data_;
  }
  size_t bytes() const { return bytes_; }

private:
  static constexpr size_t kLarge = 2 * kLargePage;
  static std::align_val_t alignment(size_t bytes) { return std::align_val_t(bytes >= kLarge ? kLargePage : 64); }
  void release() {
    if (data_) ::operator delete(data_, alignment(bytes_));
    data_ = nullptr;
    bytes_ = 0;
  }
  uint8_t *data_ = nullptr;
  size_t bytes_ = 0;
};

class Context {
public:
  Context(int threads, void (*enter)()) : pool(threads, enter), own_(static_cast<size_t>(threads)) {}

  Pool pool;

  // Scratch that all threads of one kernel share.
  template <class T> T *shared(size_t count) { return reinterpret_cast<T *>(shared_.atLeast(count * sizeof(T))); }

  // Memory of a kernel that calls others, which use `shared`.
  template <class T> T *workspace(size_t count) { return reinterpret_cast<T *>(workspace_.atLeast(count * sizeof(T))); }

  // Makes room for `bytes` on every thread; call before the threads start.
  void reserve(size_t bytes) {
    for (auto &memory : own_) memory.atLeast(bytes);
  }
  template <class T> T *own(int thread) { return reinterpret_cast<T *>(own_[static_cast<size_t>(thread)].atLeast(0)); }

  // The first error of a run is kept.
  template <class... Parts> void fail(const char *format, Parts... parts) {
    char text[256];
    if constexpr (sizeof...(parts) == 0) std::snprintf(text, sizeof text, "%s", format);
    else std::snprintf(text, sizeof text, format, parts...);
    std::lock_guard<std::mutex> lock(mutex_);
    if (error_.empty()) error_ = text;
  }
  bool failed() const { return !error_.empty(); }
  std::string takeError() { return std::exchange(error_, std::string()); }

  size_t scratchBytes() const {
    size_t total = shared_.bytes() + workspace_.bytes();
    for (auto &memory : own_) total += memory.bytes();
    return total;
  }

private:
  Memory shared_, workspace_;
  std::vector<Memory> own_;
  std::mutex mutex_;
  std::string error_;
};

// How memory holds the f32 of a plan: as they are, rounded to bf16, or as codes in blocks of 32 that share a scale.
enum class Form : uint8_t { f32, bf16, int8, int4 };

// Operands of one call, in the order that the lowering writes them. A slot that is left out is null.
struct Args {
  void *const *slots;
  const Form *forms;
  const int64_t *ints;
  const double *floats;
  int64_t intCount;

  template <class T = float> T *at(int slot) const { return static_cast<T *>(slots[slot]); }
  float f(int index) const { return static_cast<float>(floats[index]); }
};

using Kernel = void (*)(Context &, const Args &);

struct KernelEntry {
  const char *name;
  Kernel run;
  int slots;
  // A bit for each slot that may hold bf16.
  uint32_t narrow = 0;
};

// The kernels of one instruction set; all sets of f32 have the same ones in the same order.
struct KernelSet {
  const char *name;
  bool (*present)();
  void (*enterThread)();
  const KernelEntry *entries;
  int count;
  // Of a set that multiplies operands rounded to bf16: where its other kernels come from.
  const KernelSet *rest;
  // Whether the processor has instructions for its products.
  bool native;
};

} // namespace tl
