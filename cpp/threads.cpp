#include "threads.h"

#include <unistd.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace gptoss {
namespace {

// About 20 microseconds: longer than the pause between two kernels of one forward pass, so that workers are awake
// for the next, and short enough that an idle model costs nothing.
constexpr int kSpins = 500;

void pause() {
#if defined(__x86_64__)
  _mm_pause();
#endif
}

// Waits until `value` differs from `old`: first awake, then asleep.
template <class T>
void wait_for_change(std::atomic<T>& value, T old) {
  for (int i = 0; i < kSpins; ++i) {
    if (value.load(std::memory_order_acquire) != old) return;
    pause();
  }
  while (value.load(std::memory_order_acquire) == old) value.wait(old, std::memory_order_acquire);
}

}  // namespace

ThreadPool::ThreadPool(int num_threads) : owner_pid_(getpid()) {
  for (int i = 1; i < num_threads; ++i) workers_.emplace_back([this] { work_until_stopped(); });
}

ThreadPool::~ThreadPool() {
  if (getpid() != owner_pid_) {
    // After a fork the workers exist only in the parent: there is nothing to join.
    for (auto& worker : workers_) worker.detach();
    return;
  }
  stopping_.store(true, std::memory_order_release);
  generation_.fetch_add(1, std::memory_order_acq_rel);
  generation_.notify_all();
  for (auto& worker : workers_) worker.join();
}

void ThreadPool::run_pieces(const Task& task) {
  if (getpid() != owner_pid_) {
    task.call(task.work, 0, task.count);
    return;
  }
  const std::lock_guard lock(one_caller_);
  task_ = task;
  next_.store(0, std::memory_order_relaxed);
  busy_.store(static_cast<int>(workers_.size()), std::memory_order_relaxed);
  generation_.fetch_add(1, std::memory_order_acq_rel);
  generation_.notify_all();
  take_pieces();
  for (int left = busy_.load(std::memory_order_acquire); left != 0; left = busy_.load(std::memory_order_acquire))
    wait_for_change(busy_, left);
}

void ThreadPool::take_pieces() {
  for (;;) {
    const Index begin = next_.fetch_add(task_.grain, std::memory_order_relaxed);
    if (begin >= task_.count) return;
    const Index end = begin + task_.grain < task_.count ? begin + task_.grain : task_.count;
    task_.call(task_.work, begin, end);
  }
}

void ThreadPool::work_until_stopped() {
  std::uint32_t seen = 0;
  for (;;) {
    wait_for_change(generation_, seen);
    seen = generation_.load(std::memory_order_acquire);
    if (stopping_.load(std::memory_order_acquire)) return;
    take_pieces();
    if (busy_.fetch_sub(1, std::memory_order_acq_rel) == 1) busy_.notify_all();
  }
}

}  // namespace gptoss
