// A pool of threads that sleep while there is nothing to do.
#pragma once
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

namespace tl {

class Pool {
public:
  // `threads` counts the caller; `enter` runs first on each new thread.
  Pool(int threads, void (*enter)());
  ~Pool();
  Pool(const Pool &) = delete;

  int threads() const { return static_cast<int>(workers_.size()) + 1; }

  // work(i, thread) for every i in [0, count), each once; returns when all are done. Which thread takes which i is
  // open, so work must write by i alone.
  template <class Work> void run(int64_t count, const Work &work) {
    if (count <= 1 || workers_.empty()) {
      for (int64_t i = 0; i < count; i++) work(i, 0);
      return;
    }
    dispatch(count, [](const void *self, int64_t i, int thread) { (*static_cast<const Work *>(self))(i, thread); },
             &work);
  }

private:
  using Item = void (*)(const void *, int64_t, int);
  void dispatch(int64_t count, Item item, const void *self);
  void drain(int thread);
  bool join();
  void loop(int thread, void (*enter)());
  void stop();

  std::vector<std::thread> workers_;
  std::mutex mutex_;
  std::condition_variable wake_, finished_;
  // In `joined_`: no more may join the round.
  static constexpr int kClosed = -1;
  std::atomic<uint64_t> round_{0};
  // Workers that take part in the round, and those of them that have found no more to do.
  std::atomic<int> joined_{kClosed}, left_{0};
  std::atomic<int> asleep_{0};
  std::atomic<int64_t> next_{0};
  std::atomic<bool> stop_{false}, waiting_{false};
  int64_t count_ = 0;
  Item item_ = nullptr;
  const void *self_ = nullptr;
};

} // namespace tl
