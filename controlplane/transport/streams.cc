#include "controlplane/transport/streams.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "controlplane/transport/socket_address.h"

namespace tandem::transport {

using base::Nanos;
using wire::Counter;

namespace {

constexpr std::size_t kScratch = 64 * 1024;
// Of one connection, and of one listener, in a turn: others want their share.
constexpr int kReadsPerTurn = 8;
constexpr int kAcceptsPerTurn = 16;
// Above it, an emptied queue gives its memory back.
constexpr std::size_t kQueueKept = 4096;
// How long a listener rests when the process has no descriptor left.
constexpr Nanos kRest = base::Seconds{1};

void prepare(int fd, const base::Endpoint& local, std::uint8_t tos) {
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  const int idle_s = 60;  // a peer that vanished is found out by the kernel within minutes
  setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof idle_s);
  set_tos(fd, local.address.family, tos);
}

struct Refusal {
  Counter counter;
  int status;  // 0: no answer
  std::string_view reason;
};

Refusal refusal_of(FrameFault fault) {
  switch (fault) {
    case FrameFault::kNoLength:
      return {Counter::drop_stream_no_length, 400, "Missing Content-Length"};
    case FrameFault::kBadLength:
      return {Counter::drop_stream_no_length, 400, "Bad Content-Length"};
    case FrameFault::kTooLarge:
      return {Counter::drop_stream_too_large, 413, ""};
    case FrameFault::kHeadTooLarge:
      return {Counter::drop_stream_too_large, 0, ""};
    case FrameFault::kGarbage:
    case FrameFault::kNone:
      break;
  }
  return {Counter::drop_stream_garbage, 0, ""};
}

}  // namespace

StreamLimits::StreamLimits(const config::Parameters& parameters)
    : connections(static_cast<std::uint32_t>(parameters.TD_SIP_CONNECTIONS_MAX)),
      per_source(static_cast<std::uint32_t>(parameters.TD_SIP_CONNECTIONS_PER_SOURCE)),
      connect(parameters.TD_SIP_CONNECT_TIMEOUT),
      message(parameters.TD_SIP_STREAM_MESSAGE_TIMEOUT),
      idle(parameters.TD_SIP_CONNECTION_IDLE),
      out_bytes(parameters.TD_SIP_CONNECTION_QUEUE_BYTES) {}

// --- listeners ---------------------------------------------------------------------------------

struct Streams::Door final : loop::SocketListener {
  explicit Door(Streams& streams) : owner(streams) {}
  ~Door() {
    if (fd >= 0) close(fd);
  }
  void on_ready(std::uint64_t, std::uint32_t) override { owner.accept_some(*this); }

  Streams& owner;
  int fd = -1;
  std::uint32_t index = 0;
  sip::Path path;  // local end and protocol
  std::optional<TlsContext> tls;
  bool resting = false;
};

std::size_t Streams::AddressHash::operator()(const base::IpAddress& address) const {
  base::Endpoint endpoint;
  endpoint.address = address;
  return base::EndpointHash{}(endpoint);
}

Streams::Streams(Setup setup)
    : setup_(std::move(setup)),
      connections_(setup_.limits.connections + setup_.limits.connections / 4 + 1),
      scratch_(std::make_unique_for_overwrite<char[]>(kScratch)) {
  events_.owner = this;
}

Streams::~Streams() {
  connections_.each([this](base::Handle, Connection& c) {
    setup_.wheel.cancel(c.timer);
    setup_.watch.forget(c.socket.fd());
  });
  for (auto& door : doors_) {
    if (!door->resting) setup_.watch.forget(door->fd);
  }
}

base::Result<void> Streams::open(const config::Listener& listener) {
  auto door = std::make_unique<Door>(*this);
  door->path.local = listener.address;
  door->path.protocol = listener.protocol;
  if (listener.protocol == base::Protocol::kTls) {
    auto context = TlsContext::make(listener.tls);
    if (!context) return std::move(context).take_error();
    door->tls = std::move(context).value();
  }
  const int family = listener.address.address.is_ip4() ? AF_INET : AF_INET6;
  door->fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (door->fd < 0) return base::error(system_words("TCP socket"));
  const int on = 1;
  setsockopt(door->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  const SocketAddress here = to_kernel(listener.address);
  if (bind(door->fd, here.get(), here.length) != 0 || listen(door->fd, SOMAXCONN) != 0) {
    return base::error(system_words("TCP " + listener.address.text()));
  }
  door->index = static_cast<std::uint32_t>(doors_.size());
  setup_.watch.watch(door->fd, EPOLLIN, *door, door->index);
  doors_.push_back(std::move(door));
  return {};
}

Streams::Door* Streams::door_of(const sip::Path& path) {
  for (const auto& door : doors_) {
    if (door->path.local == path.local && door->path.protocol == path.protocol) return door.get();
  }
  return nullptr;
}

void Streams::accept_some(Door& door) {
  for (int i = 0; i < kAcceptsPerTurn; ++i) {
    sockaddr_storage from{};
    socklen_t length = sizeof from;
    const int fd =
        accept4(door.fd, reinterpret_cast<sockaddr*>(&from), &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
      if (errno != EMFILE && errno != ENFILE && errno != ENOBUFS && errno != ENOMEM) return;
      // It would be told again at once, for ever.
      setup_.counters.add(Counter::drop_stream_connections);
      setup_.watch.forget(door.fd);
      door.resting = true;
      setup_.wheel.arm(setup_.wheel.now() + kRest, *this, 0);
      return;
    }
    const base::Endpoint remote = from_kernel(from);
    const bool known = setup_.knows(remote.address);
    if (!admit(remote.address, known)) {
      close(fd);
      continue;
    }
    prepare(fd, door.path.local, setup_.tos);
    Connection* c = add({fd, door.tls ? door.tls->accept(fd) : Ssl{}}, door, remote, false);
    if (c == nullptr) continue;
    c->known = known;
    ++accepted_;
    Source& source = sources_[remote.address];
    ++(known ? source.known : source.strangers);
    if (!known) ++strangers_;
    setup_.counters.add(Counter::stream_accepted);
    on_connected(*c);
    watch(*c);
  }
}

bool Streams::full(const base::IpAddress& source, bool known) const {
  const auto found = sources_.find(source);
  if (found == sources_.end()) return false;
  return known ? found->second.known >= setup_.limits.per_source
               : found->second.strangers >= kPerStranger;
}

bool Streams::admit(const base::IpAddress& source, bool known) {
  Counter why{};
  if (setup_.suspended && setup_.suspended(source))
    why = Counter::drop_stream_suspended;
  else if (accepted_ >= setup_.limits.connections)
    why = Counter::drop_stream_connections;
  else if (full(source, known))
    why = Counter::drop_stream_per_source;
  else if (!known && strangers_ >= kStrangersMax)
    why = Counter::drop_stream_strangers;
  else
    return true;
  setup_.counters.add(why);
  return false;
}

// --- connections -------------------------------------------------------------------------------

Connection* Streams::add(StreamSocket socket, Door& door, const base::Endpoint& remote,
                         bool outgoing) {
  const bool unfit = door.tls && !socket.secure();  // OpenSSL had no memory
  sip::Path path = door.path;
  path.remote = remote;
  const int fd = socket.fd();
  auto [id, c] = connections_.make(std::move(socket), path, door.index, outgoing);
  if (c == nullptr || unfit) {
    setup_.counters.add(Counter::drop_stream_connections);
    if (c != nullptr) connections_.drop(id);
    return nullptr;
  }
  c->id = id;
  c->path.flow = id.raw;
  c->opened = c->since = c->used = setup_.wheel.now();
  c->events = EPOLLOUT;
  setup_.watch.watch(fd, c->events, events_, id.raw);
  by_peer_[{door.index, remote}] = id;
  return c;
}

Connection* Streams::connect(const sip::Path& path) {
  Door* door = door_of(path);
  if (door == nullptr || path.remote.port == 0) return nullptr;
  const int family = path.local.address.is_ip4() ? AF_INET : AF_INET6;
  const int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) {
    setup_.counters.add(Counter::drop_stream_connections);
    return nullptr;
  }
  prepare(fd, path.local, setup_.tos);
  const int on = 1;
  setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
  base::Endpoint from = path.local;
  from.port = 0;
  const SocketAddress here = to_kernel(from);
  const SocketAddress there = to_kernel(path.remote);
  // A failure at once is a failure like a later one: told at the end of the turn.
  const bool begun = bind(fd, here.get(), here.length) == 0 &&
                     (::connect(fd, there.get(), there.length) == 0 || errno == EINPROGRESS);
  auto ssl =
      door->tls ? door->tls->connect(fd, setup_.name_of(path.remote), path.remote.address) : Ssl{};
  Connection* c = add({fd, std::move(ssl)}, *door, path.remote, true);
  if (c == nullptr) return nullptr;
  setup_.counters.add(Counter::stream_connected);
  if (!begun) doom(*c, Counter::drop_stream_connect);
  arm(*c);
  return c;
}

Connection* Streams::find(const sip::Path& path) {
  Connection* c = connections_.find({path.flow});
  if (c != nullptr && !c->ended() && c->path.protocol == path.protocol) return c;
  if (path.own_flow_only) return nullptr;
  const Door* door = door_of(path);
  if (door == nullptr) return nullptr;
  const auto found = by_peer_.find({door->index, path.remote});
  c = found == by_peer_.end() ? nullptr : connections_.find(found->second);
  return c != nullptr && !c->ended() ? c : nullptr;
}

bool Streams::send(const sip::Path& path, std::string_view message) {
  Connection* c = find(path);
  if (c == nullptr && !path.own_flow_only) c = connect(path);
  if (c == nullptr) return false;
  if (c->queued() + message.size() > setup_.limits.out_bytes) {
    doom(*c, Counter::drop_stream_queue_full);
    return false;
  }
  c->out += message;
  // Neither is a response, nor the CRLF of a keepalive.
  if (message.size() > 2 && !message.starts_with("SIP/2.0 ")) c->carried_requests = true;
  mark_dirty(*c);
  return true;
}

void Streams::enter(Connection& c, Connection::State state) {
  c.state = state;
  c.since = setup_.wheel.now();
  arm(c);
}

void Streams::on_connected(Connection& c) {
  enter(c, Connection::State::kHandshake);
  shake_hands(c);
}

void Streams::shake_hands(Connection& c) {
  switch (c.socket.shake_hands()) {
    case Io::kDone:
      c.was_open = true;
      c.used = setup_.wheel.now();
      enter(c, Connection::State::kOpen);
      if (c.queued() != 0) mark_dirty(c);
      return;
    case Io::kWait:
      return;
    case Io::kEnd:
    case Io::kBroken:
      doom(c, Counter::drop_stream_handshake);
      return;
  }
}

void Streams::on_connection_ready(base::Handle id, std::uint32_t events) {
  Connection* c = connections_.find(id);
  if (c == nullptr || c->doomed) return;
  switch (c->state) {
    case Connection::State::kConnecting:
      if (c->socket.connect_result() != 0)
        doom(*c, Counter::drop_stream_connect);
      else
        on_connected(*c);
      break;
    case Connection::State::kHandshake:
      shake_hands(*c);
      break;
    case Connection::State::kOpen:
      if ((events & EPOLLOUT) != 0) mark_dirty(*c);
      read_some(*c);
      break;
    case Connection::State::kClosing:
      mark_dirty(*c);
      if ((events & (EPOLLERR | EPOLLHUP)) != 0) doom(*c, c->why);
      break;
  }
  if (!c->doomed) watch(*c);
}

// --- bytes in ----------------------------------------------------------------------------------

// One connection's messages on their way up.
struct Streams::Feed final : FrameSink {
  Feed(Streams& streams, Connection& connection) : owner(streams), c(connection) {}

  bool on_message(std::span<char> message) override {
    c.midway = {};
    owner.setup_.listener.on_datagram(c.path, message);
    return !c.ended();
  }
  bool on_ping() override {
    owner.setup_.counters.add(Counter::sip_keepalive);
    c.midway = {};
    if (c.queued() + 2 <= owner.setup_.limits.out_bytes) c.out += "\r\n";
    owner.mark_dirty(c);
    return !c.ended();
  }

  Streams& owner;
  Connection& c;
};

void Streams::read_some(Connection& c) {
  Feed feed(*this, c);
  for (int i = 0; i < kReadsPerTurn && !c.ended(); ++i) {
    const IoResult got = c.socket.read({scratch_.get(), kScratch});
    if (got.io == Io::kWait) break;
    if (got.io != Io::kDone) {
      close_softly(c, got.io == Io::kEnd ? Counter::stream_closed_by_peer : Counter::stream_broken);
      break;
    }
    c.octets_in += got.bytes;
    c.used = setup_.wheel.now();
    const FrameFault fault = c.framer.feed({scratch_.get(), got.bytes}, feed);
    if (fault != FrameFault::kNone && !c.ended()) on_fault(c, fault);
    if (!c.framer.midway()) c.midway = {};
    if (c.framer.midway() && c.midway == Nanos{}) c.midway = setup_.wheel.now();
  }
  if (!c.doomed) arm(c);
}

void Streams::on_fault(Connection& c, FrameFault fault) {
  const Refusal refusal = refusal_of(fault);
  if (refusal.status != 0) {
    setup_.listener.on_unframed(c.path, c.framer.faulty_head(), refusal.status, refusal.reason);
  }
  close_softly(c, refusal.counter);
}

// --- bytes out ---------------------------------------------------------------------------------

void Streams::mark_dirty(Connection& c) {
  if (!std::exchange(c.dirty, true)) dirty_.push_back(c.id);
}

void Streams::write_some(Connection& c) {
  if (c.state != Connection::State::kOpen && c.state != Connection::State::kClosing) return;
  const Nanos now = setup_.wheel.now();
  while (c.queued() != 0) {
    const IoResult put = c.socket.write(std::string_view(c.out).substr(c.out_done));
    if (put.io == Io::kWait) break;
    if (put.io != Io::kDone) {
      doom(c, Counter::stream_broken);
      return;
    }
    c.out_done += put.bytes;
    c.octets_out += put.bytes;
    c.used = c.stuck = now;
  }
  if (c.queued() != 0) {
    c.out.erase(0, std::exchange(c.out_done, 0));
    if (c.stuck == Nanos{}) c.stuck = now;
    arm(c);
    return;
  }
  c.stuck = {};
  c.out.clear();
  c.out_done = 0;
  if (c.out.capacity() > kQueueKept) std::string().swap(c.out);
  if (c.state == Connection::State::kClosing) doom(c, c.why);
}

void Streams::flush() {
  while (!dirty_.empty() || !doomed_.empty()) {
    for (const base::Handle id : std::exchange(dirty_, {})) {
      Connection* c = connections_.find(id);
      if (c == nullptr) continue;
      c->dirty = false;
      if (c->doomed) continue;
      write_some(*c);
      if (!c->doomed) watch(*c);
    }
    bury();
  }
}

void Streams::watch(Connection& c) {
  const bool wants_write = c.queued() != 0 || c.socket.wants_write();
  std::uint32_t events = EPOLLIN;
  if (c.state == Connection::State::kConnecting) events = EPOLLOUT;
  if (c.state == Connection::State::kHandshake && c.socket.wants_write()) events = EPOLLOUT;
  if (c.state == Connection::State::kOpen && wants_write && !c.dirty) events |= EPOLLOUT;
  if (c.state == Connection::State::kClosing) events = wants_write ? std::uint32_t{EPOLLOUT} : 0u;
  if (std::exchange(c.events, events) == events) return;
  setup_.watch.change(c.socket.fd(), events, events_, c.id.raw);
}

// --- the end -----------------------------------------------------------------------------------

// Lets what is queued leave first.
void Streams::close_softly(Connection& c, Counter why) {
  if (c.ended()) return;
  c.why = why;
  enter(c, Connection::State::kClosing);
  mark_dirty(c);
}

void Streams::doom(Connection& c, Counter why) {
  if (std::exchange(c.doomed, true)) return;
  setup_.counters.add(why);
  doomed_.push_back(c.id);
}

void Streams::leave_source(const base::IpAddress& address, bool known) {
  const auto found = sources_.find(address);
  Source& source = found->second;
  --(known ? source.known : source.strangers);
  if (source.known + source.strangers == 0) sources_.erase(found);
}

void Streams::trust(std::uint64_t flow) {
  Connection* c = connections_.find({flow});
  if (c == nullptr || c->known || c->outgoing) return;
  const base::IpAddress& address = c->path.remote.address;
  if (full(address, true)) {
    setup_.counters.add(Counter::drop_stream_per_source);
    return;
  }
  c->known = true;
  --strangers_;
  ++sources_[address].known;
  leave_source(address, false);
  arm(*c);
}

void Streams::bury() {
  for (const base::Handle id : std::exchange(doomed_, {})) {
    Connection& c = *connections_.find(id);
    const sip::Path path = c.path;
    const bool tell = c.carried_requests;
    const bool was_open = c.was_open;
    const auto named = by_peer_.find({c.listener, path.remote});
    if (named != by_peer_.end() && named->second == id) by_peer_.erase(named);
    if (!c.outgoing) {
      --accepted_;
      if (!c.known) --strangers_;
      leave_source(path.remote.address, c.known);
    }
    setup_.wheel.cancel(c.timer);
    setup_.watch.forget(c.socket.fd());
    connections_.drop(id);
    if (tell) setup_.listener.on_connection_lost(path, was_open);
  }
}

std::pair<Nanos, Counter> Streams::deadline(const Connection& c) const {
  const StreamLimits& limits = setup_.limits;
  switch (c.state) {
    case Connection::State::kConnecting:
      return {c.since + limits.connect, Counter::drop_stream_connect};
    case Connection::State::kHandshake:
      return {c.since + limits.connect, Counter::drop_stream_handshake};
    case Connection::State::kClosing:
      return {c.since + limits.message, c.why};
    case Connection::State::kOpen:
      break;
  }
  std::pair<Nanos, Counter> out{c.used + limits.idle, Counter::stream_idle};
  const auto also = [&out](Nanos at, Counter why) { out = std::min(out, {at, why}); };
  if (!c.known) also(c.opened + kStrangerLife, Counter::stream_idle);
  if (c.midway != Nanos{}) also(c.midway + limits.message, Counter::drop_stream_slow);
  if (c.stuck != Nanos{}) also(c.stuck + limits.message, Counter::drop_stream_stuck);
  return out;
}

// The timer is left alone while it isn't too late: it looks again when it fires.
void Streams::arm(Connection& c) {
  const Nanos due = deadline(c).first;
  if (setup_.wheel.armed(c.timer) && c.armed_for <= due) return;
  setup_.wheel.cancel(c.timer);
  c.armed_for = due;
  c.timer = setup_.wheel.arm(due, *this, c.id.raw);
}

void Streams::on_timer(std::uint64_t word) {
  if (word == 0) {  // listeners that rested
    for (auto& door : doors_) {
      if (!std::exchange(door->resting, false)) continue;
      setup_.watch.watch(door->fd, EPOLLIN, *door, door->index);
    }
    return;
  }
  Connection* c = connections_.find({word});
  if (c == nullptr || c->doomed) return;
  const auto [due, why] = deadline(*c);
  if (setup_.wheel.now() >= due)
    doom(*c, why);
  else
    arm(*c);
}

void Streams::close_all_of(const base::IpAddress& address) {
  connections_.each([&](base::Handle, Connection& c) {
    if (c.path.remote.address == address) doom(c, Counter::drop_stream_suspended);
  });
}

void Streams::each(const std::function<void(const Connection&)>& visit) {
  connections_.each([&](base::Handle, const Connection& c) { visit(c); });
}

std::string_view state_name(const Connection& connection) {
  switch (connection.state) {
    case Connection::State::kConnecting:
      return "connecting";
    case Connection::State::kHandshake:
      return "handshake";
    case Connection::State::kOpen:
      return "open";
    case Connection::State::kClosing:
      break;
  }
  return "closing";
}

}  // namespace tandem::transport
