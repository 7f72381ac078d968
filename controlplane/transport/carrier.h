// One shard's way out and in for SIP, whatever carries it: the corridor for the dataplane's
// addresses, the kernel's sockets for those of listeners. What arrives here but belongs to another
// shard's call is handed over to that shard's inbox.
// Connections are all the first shard's: the others hand it what they send on them.
// Owner: the shard's thread.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "controlplane/config/site.h"
#include "controlplane/loop/shard_loop.h"
#include "controlplane/sip/transport.h"
#include "controlplane/sip/transport_ring.h"
#include "controlplane/transport/streams.h"
#include "controlplane/transport/udp_sockets.h"

namespace tandem::transport {

class Carrier final : public sip::Transport, sip::TransportListener {
 public:
  // So many messages at most wait to be taken over by one shard.
  static constexpr std::uint32_t kHandoversMax = 4096;

  // All outlive this. `shards` is how many there are.
  Carrier(loop::ShardLoop& loop, sip::TransportRing& ring, wire::CounterBlock& counters,
          std::uint32_t shard, std::uint32_t shards);

  // Before the thread starts: who gets the messages, the listeners' sockets, and, when there are
  // several shards, the carriers of all, in order.
  void attach(sip::TransportListener& agent) { agent_ = &agent; }
  struct Ways {
    const std::vector<config::Listener>& listeners;
    std::uint8_t tos;
    StreamLimits stream_limits;
    std::function<bool(const base::IpAddress&)> knows;          // a gateway's address
    std::function<std::string(const base::Endpoint&)> name_of;  // see Streams::Setup
    // Whose messages are dropped, unless they belong to what has begun; none: nobody's. Asked of
    // each one, of the corridor too.
    std::function<bool(const base::IpAddress&)> suspended{};
  };
  base::Result<void> open(Ways ways);
  void meet(std::vector<Carrier*> carriers) { carriers_ = std::move(carriers); }

  bool send(const sip::Path& path, std::string_view message) override;
  void trust(const sip::Path& path) override;
  sip::Path settle(const sip::Path& wanted, const sip::Path& known) const override;

  // At most `most` datagrams of the corridor; returns how many there were.
  std::uint32_t poll(std::uint32_t most) {
    const std::uint32_t taken = ring_.poll(gate_, most);
    loop_.brought(taken);
    return taken;
  }
  // How full what waits for us is, in hundredths.
  std::uint32_t backlog() const { return std::max(ring_.backlog(), udp_.backlog()); }
  // At the end of a turn: what was gathered leaves.
  void flush();
  // The first shard's; nullptr: there are none.
  Streams* streams() { return streams_.get(); }

 private:
  // Where the dataplane lets through whom we don't: its table was full, or hasn't heard yet.
  struct Gate final : sip::TransportListener {
    explicit Gate(Carrier& carrier) : owner(carrier) {}
    void on_datagram(const sip::Path& path, std::span<char> bytes) override {
      if (!owner.drops(path, bytes)) owner.agent_->on_datagram(path, bytes);
    }
    Carrier& owner;
  };

  bool drops(const sip::Path& path, std::span<const char> bytes);
  // From a socket.
  void on_datagram(const sip::Path& path, std::span<char> bytes) override;
  void on_unframed(const sip::Path& path, std::span<char> head, int status,
                   std::string_view reason) override;
  void on_connection_lost(const sip::Path& path, bool was_open) override;
  bool send_stream(const sip::Path& path, std::string_view message);
  // Puts an errand into a shard's inbox, if there is room.
  bool pass(std::uint32_t shard, std::function<void(Carrier&)> errand);

  loop::ShardLoop& loop_;
  sip::TransportRing& ring_;
  wire::CounterBlock& counters_;
  std::uint32_t shard_;
  std::uint32_t shards_;
  sip::TransportListener* agent_ = nullptr;
  std::vector<Carrier*> carriers_;
  std::atomic<std::uint32_t> handovers_{0};  // waiting in our inbox; others add, we take away
  std::vector<config::Listener> listeners_;
  std::function<bool(const base::IpAddress&)> suspended_;
  Gate gate_{*this};
  UdpSockets udp_;
  std::unique_ptr<Streams> streams_;
};

}  // namespace tandem::transport
