// A channel in ordinary memory, both of its ends attached.
#pragma once

#include <cstdlib>
#include <cstring>
#include <memory>

#include "drivers/wire/channel.h"

namespace tandem::dataplane::testing {

class ChannelHome {
 public:
  ChannelHome() {
    // As in the segment: the pages are there and zero.
    std::memset(memory_.get(), 0, wire::kChannelBytes);
    wire::format_channel(memory_.get());
    worker.attach();
    control.attach();
  }

 private:
  struct Free {
    void operator()(std::byte* memory) const { std::free(memory); }
  };
  std::unique_ptr<std::byte, Free> memory_{
      static_cast<std::byte*>(std::aligned_alloc(64, wire::kChannelBytes))};

 public:
  wire::WorkerEnd worker = wire::worker_end(memory_.get());
  wire::ControlEnd control = wire::control_end(memory_.get());
};

}  // namespace tandem::dataplane::testing
