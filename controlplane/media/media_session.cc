#include "controlplane/media/media_session.h"

#include <algorithm>

#include "drivers/base/text.h"

namespace tandem::media {
namespace {

constexpr std::size_t kRtp = 0;
constexpr std::size_t kRtcp = 1;

std::size_t index(Side side) { return static_cast<std::size_t>(side); }
std::size_t other(std::size_t side) { return 1 - side; }

// 127.0.0.0/8 and all from multicast upwards is nobody's to send to.
bool is_host(const base::IpAddress& address) {
  return address.is_ip4() && address.bytes[0] != 127 && address.bytes[0] < 224;
}

// What the dataplane relays: "RTP/AVP", "RTP/SAVP", "RTP/AVPF" …, with a port left for RTCP, and
// "udptl" (T.38 D.2.3), to an IPv4 host. No value: anything else.
std::optional<wire::FlowKind> kind_of(const sdp::Media& media) {
  if (media.port == 0 || !is_host(media.rtp.address)) return std::nullopt;
  if (base::iequals(media.protocol, "udptl")) return wire::FlowKind::kOpaque;
  const bool rtp = base::istarts_with(media.protocol, "RTP/") && media.port != 65535;
  return rtp ? std::optional(wire::FlowKind::kRtp) : std::nullopt;
}

// 0.0.0.0 means hold (RFC 3264 §8.4): nowhere to send to.
base::Endpoint sendable(const base::Endpoint& remote) {
  const bool held = remote.address == base::IpAddress::ip4(0, 0, 0, 0);
  return held || !is_host(remote.address) || remote.port == 0 ? base::Endpoint{} : remote;
}

// UDPTL has no RTCP.
base::Endpoint rtcp_remote(const sdp::Media& media, wire::FlowKind kind) {
  return kind == wire::FlowKind::kRtp ? sendable(media.rtcp) : base::Endpoint{};
}

FlowKey next(FlowKey key) { return {key.address, static_cast<std::uint16_t>(key.port + 1)}; }

}  // namespace

MediaSession::MediaSession(Datapath& datapath, MediaPorts& ports, const wire::CorridorPlan& plan,
                           std::array<std::uint32_t, 2> addresses, std::uint64_t cookie,
                           std::uint8_t tos)
    : datapath_(datapath),
      ports_(ports),
      plan_(plan),
      addresses_(addresses),
      cookie_(cookie),
      tos_(tos) {}

MediaSession::~MediaSession() {
  if (ports_held_) give_ports_back(closed_at_);
}

bool MediaSession::open(const sdp::Description& description, Side from, base::Nanos now) {
  for (std::size_t section = 0; section < description.media.size(); ++section) {
    const sdp::Media& media = description.media[section];
    if (!kind_of(media) || streams_.size() == kStreamsMax) continue;
    const auto keys = ports_.take_two(addresses_[0], addresses_[1], now);
    if (!keys) {
      give_ports_back(now);
      streams_.clear();
      return false;
    }
    ports_held_ = true;
    Stream stream{section, {}};
    for (std::size_t side = 0; side < 2; ++side) {
      stream.flows[side][kRtp].key = (*keys)[side];
      stream.flows[side][kRtcp].key = next((*keys)[side]);
    }
    streams_.push_back(stream);
  }
  for (Stream& stream : streams_) {
    const sdp::Media& media = description.media[stream.section];
    const wire::FlowKind carried = *kind_of(media);
    for (std::size_t side = 0; side < 2; ++side) {
      for (const std::size_t kind : {kRtp, kRtcp}) {
        wire::OpenFlow flow;
        flow.key = stream.flows[side][kind].key;
        flow.peer = stream.flows[other(side)][kind].key;
        flow.cookie = cookie_;
        flow.kind = kind == kRtp ? carried : wire::FlowKind::kRtcp;
        flow.latch = wire::LatchRule::kSignalledIp;
        flow.tos = tos_;
        // The peer's word: whatever it says, the dataplane must be able to divide by it.
        flow.clock_khz = static_cast<std::uint8_t>(std::clamp(media.clock_hz / 1000, 1u, 255u));
        if (side == index(from)) {
          flow.remote = kind == kRtp ? sendable(media.rtp) : rtcp_remote(media, carried);
        }
        stream.flows[side][kind].generation = datapath_.open(flow);
      }
    }
  }
  return true;
}

// Its own, as long as that is relayed. A section that came later and has no stream takes the place
// of the first stream's that is no more: "m=audio 0" and beside it "m=image", as some faxes offer
// it. An offer and its answer agree on that, since what is rejected in the one is in the other.
std::size_t MediaSession::section_of(std::size_t stream,
                                     const sdp::Description& description) const {
  const auto relayed = [&](std::size_t section) {
    return section < description.media.size() && kind_of(description.media[section]).has_value();
  };
  if (relayed(streams_[stream].section)) return streams_[stream].section;
  if (stream != 0) return kNoSection;
  for (std::size_t section = 0; section < description.media.size(); ++section) {
    const bool owned = std::any_of(streams_.begin(), streams_.end(),
                                   [&](const Stream& other) { return other.section == section; });
    if (!owned && relayed(section)) return section;
  }
  return kNoSection;
}

bool MediaSession::relays(const sdp::Description& description) const {
  for (std::size_t stream = 0; stream < streams_.size(); ++stream) {
    if (section_of(stream, description) != kNoSection) return true;
  }
  return false;
}

void MediaSession::set_remote(Side side, const sdp::Description& description) {
  for (std::size_t stream = 0; stream < streams_.size(); ++stream) {
    const std::size_t section = section_of(stream, description);
    if (section == kNoSection) continue;
    const sdp::Media& media = description.media[section];
    const wire::FlowKind kind = *kind_of(media);
    const auto& flows = streams_[stream].flows[index(side)];
    datapath_.update(flows[kRtp].key, flows[kRtp].generation, sendable(media.rtp), kind);
    datapath_.update(flows[kRtcp].key, flows[kRtcp].generation, rtcp_remote(media, kind),
                     wire::FlowKind::kRtcp);
  }
}

std::string MediaSession::rewritten(const sdp::Description& description, Side from) const {
  const std::size_t towards = other(index(from));
  const base::IpAddress& own = plan_.addresses[addresses_[towards]];
  std::vector<sdp::LocalMedia> local(description.media.size());
  for (auto& media : local) media.rtp.address = own;  // port 0: not let through
  for (std::size_t stream = 0; stream < streams_.size(); ++stream) {
    const std::size_t section = section_of(stream, description);
    if (section == kNoSection) continue;
    local[section].rtp.port = streams_[stream].flows[towards][kRtp].key.port;
  }
  return sdp::rewrite(description, local);
}

void MediaSession::close(base::Nanos now) {
  if (open_flows_ != 0 || streams_.empty() || closed_at_ != base::Nanos{}) return;
  closed_at_ = now;
  for (Stream& stream : streams_) {
    for (auto& side : stream.flows) {
      for (Flow& flow : side) {
        // Should the dataplane never answer, its last publication is what we have.
        wire::FlowRecord record;
        if (!flow.figures_known && datapath_.record(flow.key, flow.generation, record)) {
          flow.final = record.figures;
          flow.figures_known = true;
        }
        datapath_.close(flow.key, flow.generation);
        ++open_flows_;
      }
    }
  }
}

bool MediaSession::on_closed(const wire::FlowClosed& event) {
  for (Stream& stream : streams_) {
    for (auto& side : stream.flows) {
      for (Flow& flow : side) {
        if (!(flow.key == event.key) || flow.generation != event.generation) continue;
        if (flow.final_known) return false;
        flow.final = event.figures;
        flow.final_known = flow.figures_known = true;
        if (open_flows_ == 0 || --open_flows_ != 0) return false;
        give_ports_back(closed_at_);
        return true;
      }
    }
  }
  return false;
}

std::optional<Side> MediaSession::side_of(FlowKey rtp) const {
  for (const Stream& stream : streams_) {
    for (const Side side : {Side::kCaller, Side::kCallee}) {
      if (stream.flows[index(side)][kRtp].key == rtp) return side;
    }
  }
  return std::nullopt;
}

bool MediaSession::figures(Side from, wire::FlowFigures& out) const {
  if (streams_.empty()) return false;
  const Flow& flow = streams_.front().flows[index(from)][kRtp];
  wire::FlowRecord record;
  if (flow.figures_known)
    out = flow.final;
  else if (datapath_.record(flow.key, flow.generation, record))
    out = record.figures;
  else
    return false;
  return true;
}

void MediaSession::give_ports_back(base::Nanos now) {
  for (const Stream& stream : streams_) {
    for (const auto& side : stream.flows) ports_.give_back(side[kRtp].key, now);
  }
  ports_held_ = false;
}

}  // namespace tandem::media
