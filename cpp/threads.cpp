#include "threads.h"

#include <unistd.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace gptoss {
namespace {

// About 200 microseconds: longer than the pause between two kernels of one forward pass, so that workers are awake
// for the next, and short enough that an idle model costs nothing.
constexpr int kSpins = 5000;

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
  gate_.store(kOpen, std::memory_order_release);
  generation_.fetch_add(1, std::memory_order_acq_rel);
  generation_.notify_all();
  take_pieces();
  // Nothing is left: who has not come in by now stays out, and only those inside are waited for. A worker whose core
  // another program has taken would otherwise hold up every kernel.
  for (auto inside = gate_.fetch_and(~kOpen, std::memory_order_acq_rel) & ~kOpen; inside != 0;
       inside = gate_.load(std::memory_order_acquire))
    wait_for_change(gate_, inside);
}

void ThreadPool::take_pieces() {
  const Index share = 2 * num_threads() * task_.grain;
  Index begin = next_.load(std::memory_order_relaxed);
  for (;;) {
    if (begin >= task_.count) return;
    const Index grains = (task_.count - begin) / share;
    const Index size = (grains > 1 ? grains : 1) * task_.grain;
    if (!next_.compare_exchange_weak(begin, begin + size, std::memory_order_relaxed)) continue;
    task_.call(task_.work, begin, begin + size < task_.count ? begin + size : task_.count);
    begin = next_.load(std::memory_order_relaxed);
  }
}

bool ThreadPool::enter() {
  auto gate = gate_.load(std::memory_order_acquire);
  while ((gate & kOpen) != 0) {
    if (gate_.compare_exchange_weak(gate, gate + 1, std::memory_order_acq_rel, std::memory_order_acquire)) return true;
  }
  return false;
}

void ThreadPool::work_until_stopped() {
  std::uint32_t seen = 0;
  for (;;) {
    wait_for_change(generation_, seen);
    seen = generation_.load(std::memory_order_acquire);
    if (stopping_.load(std::memory_order_acquire)) return;
    if (!enter()) continue;
    take_pieces();
    if (gate_.fetch_sub(1, std::memory_order_acq_rel) == 1) gate_.notify_all();
  }
}

}  // namespace gptoss
