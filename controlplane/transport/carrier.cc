#include "controlplane/transport/carrier.h"

#include <algorithm>

#include "drivers/wire/plan.h"

namespace tandem::transport {

using wire::Counter;

Carrier::Carrier(loop::ShardLoop& loop, sip::TransportRing& ring, wire::CounterBlock& counters,
                 std::uint32_t shard, std::uint32_t shards)
    : loop_(loop),
      ring_(ring),
      counters_(counters),
      shard_(shard),
      shards_(shards),
      udp_(loop.sockets(), counters, *this) {}

base::Result<void> Carrier::open(Ways ways) {
  listeners_ = ways.listeners;
  suspended_ = std::move(ways.suspended);
  const bool streams = std::any_of(listeners_.begin(), listeners_.end(),
                                   [](const auto& l) { return is_reliable(l.protocol); });
  if (streams && shard_ == 0) {
    streams_ = std::make_unique<Streams>(Streams::Setup{.watch = loop_.sockets(),
                                                        .wheel = loop_.wheel(),
                                                        .counters = counters_,
                                                        .listener = *this,
                                                        .limits = ways.stream_limits,
                                                        .tos = ways.tos,
                                                        .knows = std::move(ways.knows),
                                                        .name_of = std::move(ways.name_of),
                                                        .suspended = suspended_});
  }
  for (const config::Listener& listener : listeners_) {
    base::Result<void> opened;
    if (!is_reliable(listener.protocol))
      opened = udp_.open(listener.address, ways.tos, shards_ > 1);
    else if (streams_)
      opened = streams_->open(listener);
    if (!opened) return base::error("listener \"" + listener.name + "\": " + opened.error_text());
  }
  return {};
}

bool Carrier::send(const sip::Path& path, std::string_view message) {
  if (is_reliable(path.protocol)) return send_stream(path, message);
  return udp_.owns(path.local) ? udp_.send(path, message) : ring_.send(path, message);
}

bool Carrier::send_stream(const sip::Path& path, std::string_view message) {
  if (streams_) return streams_->send(path, message);
  if (shard_ == 0) return false;
  return pass(0, [path, from = shard_, copy = std::string(message)](Carrier& first) {
    if (first.streams_ && first.streams_->send(path, copy)) return;
    // As good as a connection that never came to be: the sender's transaction must hear of it.
    first.pass(from, [path](Carrier& sender) { sender.agent_->on_connection_lost(path, false); });
  });
}

void Carrier::trust(const sip::Path& path) {
  if (streams_)
    streams_->trust(path.flow);
  else if (shard_ != 0)
    pass(0, [flow = path.flow](Carrier& first) {
      if (first.streams_) first.streams_->trust(flow);
    });
}

sip::Path Carrier::settle(const sip::Path& wanted, const sip::Path& known) const {
  if (wanted.protocol == known.protocol) return wanted;
  sip::Path out = wanted;
  for (const config::Listener& listener : listeners_) {
    if (listener.protocol != wanted.protocol) continue;
    if (!(listener.address.address == known.local.address)) continue;
    out.local = listener.address;
    return out;
  }
  out.protocol = known.protocol;
  out.flow = known.flow;
  return out;
}

void Carrier::flush() {
  udp_.flush();
  if (streams_) streams_->flush();
}

bool Carrier::drops(const sip::Path& path, std::span<const char> bytes) {
  if (!suspended_ || !suspended_(path.remote.address)) return false;
  if (wire::belongs_to_begun(std::as_bytes(bytes))) return false;
  counters_.add(Counter::drop_sip_suspended);
  return true;
}

// --- from sockets ------------------------------------------------------------------------------

void Carrier::on_datagram(const sip::Path& path, std::span<char> bytes) {
  if (drops(path, bytes)) return;
  loop_.brought(1);
  const std::uint32_t owner = wire::shard_of_datagram(shards_, std::as_bytes(bytes));
  if (owner == shard_) {
    agent_->on_datagram(path, bytes);
    return;
  }
  const bool passed =
      pass(owner, [path, copy = std::string(bytes.data(), bytes.size())](Carrier& to) mutable {
        to.agent_->on_datagram(path, {copy.data(), copy.size()});
      });
  counters_.add(passed ? Counter::sip_handed_over : Counter::drop_sip_handover_full);
}

void Carrier::on_unframed(const sip::Path& path, std::span<char> head, int status,
                          std::string_view reason) {
  if (drops(path, head)) return;
  agent_->on_unframed(path, head, status, reason);  // an answer, and no more: any shard will do
}

void Carrier::on_connection_lost(const sip::Path& path, bool was_open) {
  for (std::uint32_t shard = 0; shard < shards_; ++shard) {
    if (shard == shard_)
      agent_->on_connection_lost(path, was_open);
    else
      pass(shard, [path, was_open](Carrier& to) { to.agent_->on_connection_lost(path, was_open); });
  }
}

bool Carrier::pass(std::uint32_t shard, std::function<void(Carrier&)> errand) {
  Carrier* owner = carriers_[shard];
  if (owner->handovers_.load(std::memory_order_relaxed) >= kHandoversMax) return false;
  owner->handovers_.fetch_add(1, std::memory_order_relaxed);
  owner->loop_.inbox().post([owner, run = std::move(errand)] {
    owner->handovers_.fetch_sub(1, std::memory_order_relaxed);
    run(*owner);
  });
  return true;
}

}  // namespace tandem::transport
