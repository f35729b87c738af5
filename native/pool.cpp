#include "pool.h"

#if defined(__x86_64__) || defined(_M_X64)
#include <immintrin.h>
static inline void relax() { _mm_pause(); }
#else
static inline void relax() { std::this_thread::yield(); }
#endif

namespace tl {

// Kernels follow each other faster than a thread falls asleep and wakes, so a thread first looks a few microseconds long, then as
// often as it gets its core between others who want it, and sleeps after so many.
static constexpr int kPolls = 100, kYields = 100;

template <class Done> static bool seenSoon(const Done &done) {
  for (int poll = 0; poll < kPolls; poll++) {
    if (done()) return true;
    relax();
  }
  for (int turn = 0; turn < kYields; turn++) {
    if (done()) return true;
    std::this_thread::yield();
  }
  return done();
}

Pool::Pool(int threads, void (*enter)()) {
  try {
    for (int i = 1; i < threads; i++) workers_.emplace_back([this, i, enter] { loop(i, enter); });
  } catch (...) {
    stop();
    throw;
  }
}

Pool::~Pool() { stop(); }

void Pool::stop() {
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
  left_ = 0;
  joined_ = 0;
  round_++;
  // Who is about to sleep looks at the round once more after it has said so.
  if (asleep_.load() > 0) {
    { std::lock_guard<std::mutex> lock(mutex_); }
    wake_.notify_all();
  }
  drain(0);
  // Those who have not come by now find nothing to do, and need not be waited for.
  const int joined = joined_.exchange(kClosed);
  const auto done = [&] { return left_.load() == joined; };
  if (seenSoon(done)) return;
  std::unique_lock<std::mutex> lock(mutex_);
  waiting_ = true;
  finished_.wait(lock, done);
  waiting_ = false;
}

bool Pool::join() {
  int joined = joined_.load();
  while (joined != kClosed)
    if (joined_.compare_exchange_weak(joined, joined + 1)) return true;
  return false;
}

void Pool::loop(int thread, void (*enter)()) {
  if (enter) enter();
  for (uint64_t seen = 0;;) {
    const auto called = [&] { return round_.load() != seen; };
    if (!seenSoon(called)) {
      std::unique_lock<std::mutex> lock(mutex_);
      asleep_++;
      wake_.wait(lock, called);
      asleep_--;
    }
    seen = round_.load();
    if (stop_.load()) return;
    if (!join()) continue;
    drain(thread);
    left_++;
    if (waiting_.load()) {
      // Under the lock, so that the caller cannot fall asleep between its look and its wait.
      std::lock_guard<std::mutex> lock(mutex_);
      finished_.notify_one();
    }
  }
}

} // namespace tl
