// Errands for a thread that is no stranger's to enter: any thread posts, the owner runs them in its
// own turn. For rare things (an operator's command), not for calls.
#pragma once

#include <functional>
#include <mutex>
#include <utility>
#include <vector>

namespace tandem::loop {

class Inbox {
 public:
  using Errand = std::function<void()>;

  void post(Errand errand) {
    const std::lock_guard lock(mutex_);
    errands_.push_back(std::move(errand));
  }

  // Owner. Returns how many were run.
  std::size_t run() {
    std::vector<Errand> taken;
    {
      const std::lock_guard lock(mutex_);
      taken.swap(errands_);
    }
    for (auto& errand : taken) errand();
    return taken.size();
  }

 private:
  std::mutex mutex_;
  std::vector<Errand> errands_;
};

}  // namespace tandem::loop
