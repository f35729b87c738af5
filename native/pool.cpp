#include "pool.h"

#if defined(__x86_64__) || defined(_M_X64)
#include <immintrin.h>
static inline void relax() { _mm_pause(); }
#else
static inline void relax() { std::this_thread::yield(); }
#endif

namespace tl {

// About ten microseconds: kernels follow each other faster than a thread falls asleep and wakes.
static constexpr int kPolls = 200;

Pool::Pool(int threads, void (*enter)()) {
  try {
    for (int i = 1; i < threads; i++) workers_.emplace_back([this, i, enter] { loop(i, enter); });
  } catch (...) {
    stop_ = true;
    round_++;
    wake_.notify_all();
    for (auto &worker : workers_) worker.join();
    throw;
  }
}

Pool::~Pool() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    stop_ = true;
    round_++;
  }
  wake_.notify_all();
  for (auto &worker : workers_) worker.join();
}

void Pool::drain(int thread) {
  for (int64_t i = next_.fetch_add(1); i < count_; i = next_.fetch_add(1)) item_(self_, i, thread);
}

void Pool::dispatch(int64_t count, Item item, const void *self) {
  count_ = count;
  item_ = item;
  self_ = self;
  next_ = 0;
  busy_ = static_cast<int>(workers_.size());
  {
    std::lock_guard<std::mutex> lock(mutex_);
    round_++;
  }
  wake_.notify_all();
  drain(0);
  for (int poll = 0; poll < kPolls; poll++) {
    if (busy_.load() == 0) return;
    relax();
  }
  std::unique_lock<std::mutex> lock(mutex_);
  finished_.wait(lock, [this] { return busy_.load() == 0; });
}

void Pool::loop(int thread, void (*enter)()) {
  if (enter) enter();
  for (uint64_t seen = 0;;) {
    for (int poll = 0; poll < kPolls && round_.load() == seen; poll++) relax();
    if (round_.load() == seen) {
      std::unique_lock<std::mutex> lock(mutex_);
      wake_.wait(lock, [&] { return round_.load() != seen; });
    }
    seen = round_.load();
    if (stop_.load()) return;
    drain(thread);
    if (busy_.fetch_sub(1) == 1) {
      // Under the lock, so that the caller cannot fall asleep between its look and its wait.
      std::lock_guard<std::mutex> lock(mutex_);
      finished_.notify_one();
    }
  }
}

} // namespace tl
