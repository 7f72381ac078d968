// SIP over TCP and TLS: listeners, and the table of connections by flow and by peer (RFC 3261 §18,
// RFC 5626's spirit: what a peer opened is used to talk to it). What a turn sends is written at its
// end, one system call a connection.
//
// Nothing is held for strangers: whose address no gateway has gets a few connections for a few
// seconds. Everybody's message must be whole within a time, queues are bounded, idle connections
// go. Each refusal has its counter.
// Owner: one shard's thread, for all shards.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "controlplane/config/site.h"
#include "controlplane/loop/socket_watch.h"
#include "controlplane/transport/connection.h"
#include "drivers/base/result.h"

namespace tandem::transport {

struct StreamLimits {
  explicit StreamLimits(const config::Parameters& parameters);

  std::uint32_t connections;  // accepted; a quarter more for those that we open
  std::uint32_t per_source;
  base::Nanos connect;    // a connection of ours, and a TLS handshake, must be up
  base::Nanos message;    // a message must be whole, and a queue must move on
  base::Nanos idle;       // without a byte either way
  std::size_t out_bytes;  // waiting to be written
};

class Streams final : loop::TimerListener {
 public:
  // For addresses that no gateway has.
  static constexpr std::uint32_t kStrangersMax = 256;
  static constexpr std::uint32_t kPerStranger = 4;
  static constexpr base::Nanos kStrangerLife = base::Seconds{10};

  // All outlive this.
  struct Setup {
    loop::SocketWatch& watch;
    loop::TimerWheel& wheel;
    wire::CounterBlock& counters;
    sip::TransportListener& listener;
    StreamLimits limits;
    std::uint8_t tos = 0;
    std::function<bool(const base::IpAddress&)> knows;
    // What the certificate of a peer that we connect to must be for; empty: its IP address.
    std::function<std::string(const base::Endpoint&)> name_of;
    std::function<bool(const base::IpAddress&)> suspended{};  // not let in; none: nobody
  };

  explicit Streams(Setup setup);
  ~Streams();
  Streams(const Streams&) = delete;
  Streams& operator=(const Streams&) = delete;

  base::Result<void> open(const config::Listener& listener);

  // On the path's flow if that lives, else on a connection with its remote end, else on a new one.
  // False: there is no room, or no way. A true one may still fail: the listener is told.
  bool send(const sip::Path& path, std::string_view message);
  // Once a turn, at its end: writes what was sent, takes ended connections away.
  void flush();

  // The peer of an accepted connection has proven who it is: from now on it is held to a gateway's
  // limits. Over TD_SIP_CONNECTIONS_PER_SOURCE it stays a stranger, for a stranger's few seconds.
  void trust(std::uint64_t flow);

  // Ends all connections with an address, at the next flush().
  void close_all_of(const base::IpAddress& address);

  void each(const std::function<void(const Connection&)>& visit);
  std::uint32_t live() const { return connections_.live(); }

 private:
  struct Door;  // a listener
  struct Feed;
  struct Peer {
    std::uint32_t listener;
    base::Endpoint remote;
    friend bool operator==(const Peer&, const Peer&) = default;
  };
  struct PeerHash {
    std::size_t operator()(const Peer& peer) const {
      return base::EndpointHash{}(peer.remote) * 31 + peer.listener;
    }
  };
  struct AddressHash {
    std::size_t operator()(const base::IpAddress& address) const;
  };
  struct Events final : loop::SocketListener {
    void on_ready(std::uint64_t word, std::uint32_t events) override {
      owner->on_connection_ready({word}, events);
    }
    Streams* owner = nullptr;
  };

  void on_timer(std::uint64_t word) override;
  void on_connection_ready(base::Handle id, std::uint32_t events);
  void accept_some(Door& door);
  // Accepted connections of one address.
  struct Source {
    std::uint32_t strangers = 0;
    std::uint32_t known = 0;  // a gateway's, or proven
  };
  bool admit(const base::IpAddress& source, bool known);
  bool full(const base::IpAddress& source, bool known) const;
  Connection* add(StreamSocket socket, Door& door, const base::Endpoint& remote, bool outgoing);
  Connection* connect(const sip::Path& path);
  Connection* find(const sip::Path& path);
  Door* door_of(const sip::Path& path);

  void enter(Connection& c, Connection::State state);
  void on_connected(Connection& c);
  void shake_hands(Connection& c);
  void read_some(Connection& c);
  void write_some(Connection& c);
  void on_fault(Connection& c, FrameFault fault);
  void close_softly(Connection& c, wire::Counter why);
  void doom(Connection& c, wire::Counter why);
  void bury();
  void leave_source(const base::IpAddress& address, bool known);
  void mark_dirty(Connection& c);
  void watch(Connection& c);
  std::pair<base::Nanos, wire::Counter> deadline(const Connection& c) const;
  void arm(Connection& c);

  Setup setup_;
  Events events_;
  std::vector<std::unique_ptr<Door>> doors_;
  base::Slab<Connection> connections_;
  std::unordered_map<Peer, base::Handle, PeerHash> by_peer_;
  std::unordered_map<base::IpAddress, Source, AddressHash> sources_;
  std::uint32_t accepted_ = 0;
  std::uint32_t strangers_ = 0;
  std::vector<base::Handle> dirty_;
  std::vector<base::Handle> doomed_;
  std::unique_ptr<char[]> scratch_;  // what is read before it is framed
};

std::string_view state_name(const Connection& connection);

}  // namespace tandem::transport
