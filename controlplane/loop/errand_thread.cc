#include "controlplane/loop/errand_thread.h"

#include <pthread.h>

#include <utility>

namespace tandem::loop {

ErrandThread::ErrandThread(const std::string& name) : thread_([this] { live(); }) {
  pthread_setname_np(thread_.native_handle(), name.substr(0, 15).c_str());
}

void ErrandThread::post(Inbox::Errand errand) {
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) return;
    errands_.push_back(std::move(errand));
  }
  wake_.notify_one();
}

void ErrandThread::stop() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void ErrandThread::live() {
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [this] { return stopping_ || !errands_.empty(); });
    if (errands_.empty()) return;
    std::vector<Inbox::Errand> taken;
    taken.swap(errands_);
    lock.unlock();
    for (auto& errand : taken) errand();
    taken.clear();
    lock.lock();
  }
}

}  // namespace tandem::loop
