// The thread pool: cuts a range into pieces and runs them on the calling thread and its workers.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

#include "kernels.h"

namespace gptoss {

class ThreadPool {
 public:
  // `num_threads` counts the calling thread.
  explicit ThreadPool(int num_threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int num_threads() const { return static_cast<int>(workers_.size()) + 1; }

  // Calls work(begin, end) for pieces of [0, count), whole grains of items but for the last; returns when all are done.
  // Pieces are handed out as threads become free, so that a thread whose core is taken away does not hold up the rest;
  // the first are long, because long stretches of memory are read faster, and the last a grain, so that all threads end
  // together.
  template <class Work>
  void run(Index count, Index grain, const Work& work) {
    if (count <= grain || workers_.empty()) {
      if (count > 0) work(Index{0}, count);
      return;
    }
    run_pieces({[](const void* w, Index begin, Index end) { (*static_cast<const Work*>(w))(begin, end); }, &work, count,
                grain});
  }

 private:
  struct Task {
    void (*call)(const void* work, Index begin, Index end);
    const void* work;
    Index count, grain;
  };

  void run_pieces(const Task& task);
  bool enter();
  void take_pieces();
  void work_until_stopped();

  std::mutex one_caller_;
  Task task_{};
  std::atomic<Index> next_{0};
  // Workers inside the task, and whether more may come in.
  static constexpr std::uint32_t kOpen = 1u << 31;
  std::atomic<std::uint32_t> gate_{0};
  std::atomic<std::uint32_t> generation_{0};
  std::atomic<bool> stopping_{false};
  std::vector<std::thread> workers_;
  long owner_pid_;
};

}  // namespace gptoss
