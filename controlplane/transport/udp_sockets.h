// SIP over the kernel's UDP: one socket for each UDP listener. Datagrams are read in batches, and
// what a turn sends leaves in batches at its end. With several shards each has its own socket of
// the same address; the kernel deals datagrams out by peer.
// Owner: the shard's thread. Holds 2 MiB of receive room, touched as far as datagrams fill it.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "controlplane/loop/socket_watch.h"
#include "controlplane/sip/transport.h"
#include "drivers/base/result.h"
#include "drivers/wire/counters.h"

namespace tandem::transport {

class UdpSockets final : loop::SocketListener {
 public:
  UdpSockets(loop::SocketWatch& watch, wire::CounterBlock& counters,
             sip::TransportListener& listener);
  ~UdpSockets();

  // `shared`: other shards open the same address.
  base::Result<void> open(const base::Endpoint& address, std::uint8_t tos, bool shared);
  bool owns(const base::Endpoint& local) const { return door_of(local) != nullptr; }

  // From one of our addresses. The datagram leaves with the next flush(), or when a batch is full.
  bool send(const sip::Path& path, std::string_view message);
  // Once a turn.
  void flush();
  // How full what the kernel holds for us is, in hundredths, as it was last seen.
  std::uint32_t backlog() const;

 private:
  struct Door;
  struct Inlet;

  void on_ready(std::uint64_t word, std::uint32_t events) override;
  Door* door_of(const base::Endpoint& local) const;
  void flush(Door& door);

  loop::SocketWatch& watch_;
  wire::CounterBlock& counters_;
  sip::TransportListener& listener_;
  std::vector<std::unique_ptr<Door>> doors_;
  std::unique_ptr<Inlet> inlet_;
};

}  // namespace tandem::transport
