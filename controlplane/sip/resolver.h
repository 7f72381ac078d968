// Host names of gateways, looked up by DNS and kept fresh while the switch runs (RFC 3263 §4 with a
// given protocol: NAPTR, SRV, then addresses; names in /etc/hosts come from there). No call ever
// waits for an answer: it takes what was found last. An answer is used until its shortest time to
// live has passed; when the next one doesn't come, the old one goes on being used.
//
// Wraps c-ares. Owner: the thread of the event loop that it is given.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "controlplane/loop/event_loop.h"
#include "controlplane/sip/transport.h"
#include "drivers/base/result.h"

struct ares_channeldata;

namespace tandem::sip {

class Resolver final {
 public:
  // The bounds of an answer's use, and how soon a failed look-up is tried again.
  static constexpr base::Nanos kFreshMin = base::Seconds{10};
  static constexpr base::Nanos kFreshMax = base::Seconds{300};
  static constexpr base::Nanos kRetry = base::Seconds{10};
  // Of one SRV answer and of one host; more are not looked at.
  static constexpr std::size_t kHostsMax = 16;
  static constexpr std::size_t kAddressesMax = 32;

  struct Place {
    base::Endpoint endpoint;
    std::uint16_t priority = 0;
    std::uint16_t weight = 0;
    friend bool operator==(const Place&, const Place&) = default;
  };
  struct Question {
    std::string host;
    Protocol protocol = Protocol::kUdp;
    std::uint16_t port = 0;  // 0: what SRV says, else the protocol's own
    // Only the host's addresses, with `port` as it stands: for recognising who sends to us.
    bool addresses_only = false;
  };
  // Told when the answer is another than before; never with an empty one.
  using Answer = std::function<void(const std::vector<Place>&)>;

  explicit Resolver(loop::EventLoop& loop);
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;
  ~Resolver();

  // No servers: those of /etc/resolv.conf.
  base::Result<void> open(const std::vector<base::Endpoint>& servers);
  // Looks up now, and from then on. A number to forget() it by.
  std::uint64_t follow(Question question, Answer answer);
  void forget(std::uint64_t number);
  // Time-outs, and what has to be asked again. Every now and then; costs nothing in between.
  void tend(base::Nanos now);

 private:
  class Search;

  static void on_socket(void* self, int fd, int readable, int writable);

  loop::EventLoop& loop_;
  ares_channeldata* channel_ = nullptr;
  std::vector<int> watched_;
  std::uint64_t followed_ = 0;
  std::map<std::uint64_t, std::unique_ptr<Search>> searches_;
};

}  // namespace tandem::sip
