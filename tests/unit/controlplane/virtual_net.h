// A network in memory with a clock that tests own: what one node sends, another receives a little
// later, unless the test loses it. Nodes live in one thread; nothing sleeps.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "controlplane/loop/timer_wheel.h"
#include "controlplane/sip/transport.h"

namespace tandem::test {

using base::Endpoint;
using base::Nanos;

class VirtualNet {
 public:
  struct Datagram {
    sip::Path path;  // as its sender saw it
    std::string bytes;
  };
  // True: this datagram is lost.
  using Loss = std::function<bool(const Datagram&)>;

  // A node's way out; give it to its Environment.
  class Port final : public sip::Transport {
   public:
    explicit Port(VirtualNet& net) : net_(net) {}
    bool send(const sip::Path& path, std::string_view message) override {
      net_.sent_.push_back({path, std::string(message)});
      if (net_.keep_log_) net_.log_.push_back({path, std::string(message)});
      return true;
    }

   private:
    VirtualNet& net_;
  };

  VirtualNet() : wheel_(base::Millis{8}, 8192, Nanos{base::Seconds{1000}}) {}

  loop::TimerWheel& wheel() { return wheel_; }
  void attach(const base::IpAddress& address, sip::TransportListener& listener) {
    nodes_[address.text()] = &listener;
  }
  // Runs after each delivery and each step: nodes drop what is over.
  void on_idle(std::function<void()> tidy) { tidies_.push_back(std::move(tidy)); }
  void lose(Loss loss) { loss_ = std::move(loss); }

  // Off for benches, which send too much to remember.
  void keep_log(bool keep) { keep_log_ = keep; }

  // Delivers everything in flight, also what that causes.
  void settle() {
    while (!sent_.empty()) {
      Datagram datagram = std::move(sent_.front());
      sent_.pop_front();
      const auto node = nodes_.find(datagram.path.remote.address.text());
      if ((loss_ && loss_(datagram)) || node == nodes_.end()) continue;
      sip::Path arrived = datagram.path;
      std::swap(arrived.local, arrived.remote);
      node->second->on_datagram(arrived, {datagram.bytes.data(), datagram.bytes.size()});
      for (auto& tidy : tidies_) tidy();
    }
  }

  // Lets time pass in small steps, delivering as it goes.
  void run(Nanos duration) {
    const Nanos end = wheel_.now() + duration;
    settle();
    while (wheel_.now() < end) {
      wheel_.advance(std::min(end, wheel_.now() + base::Millis{8}));
      settle();
      for (auto& tidy : tidies_) tidy();
    }
  }

  // All that was ever sent, lost or not.
  const std::vector<Datagram>& log() const { return log_; }
  // How many datagrams' first line begins with this.
  int count(std::string_view start) const {
    int sum = 0;
    for (const auto& datagram : log_) sum += datagram.bytes.starts_with(start) ? 1 : 0;
    return sum;
  }
  // The last datagram whose first line begins with this; empty: none.
  std::string last(std::string_view start) const {
    for (auto it = log_.rbegin(); it != log_.rend(); ++it) {
      if (it->bytes.starts_with(start)) return it->bytes;
    }
    return {};
  }

 private:
  loop::TimerWheel wheel_;
  std::map<std::string, sip::TransportListener*> nodes_;
  std::deque<Datagram> sent_;
  std::vector<Datagram> log_;
  std::vector<std::function<void()>> tidies_;
  Loss loss_;
  bool keep_log_ = true;
};

inline Endpoint at(std::string_view text) { return *Endpoint::parse(text, 5060); }

}  // namespace tandem::test
