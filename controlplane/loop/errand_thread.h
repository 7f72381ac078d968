// A thread that does errands one after another and sleeps when there are none: for work that may
// wait for a disk, on behalf of threads that may not. Anyone posts.
#pragma once

#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "controlplane/loop/inbox.h"

namespace tandem::loop {

class ErrandThread {
 public:
  // At most 15 characters of the name are seen in the system's lists.
  explicit ErrandThread(const std::string& name);
  ~ErrandThread() { stop(); }
  ErrandThread(const ErrandThread&) = delete;
  ErrandThread& operator=(const ErrandThread&) = delete;

  // Nothing happens to it after stop().
  void post(Inbox::Errand errand);
  // Returns when all that was posted is done.
  void stop();

 private:
  void live();

  std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<Inbox::Errand> errands_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace tandem::loop
