#include "controlplane/media/media_session.h"

#include <algorithm>

#include "drivers/base/text.h"
#include "drivers/crypto/octets.h"

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

// What the dataplane relays: "RTP/AVP", "UDP/TLS/RTP/SAVP", "RTP/AVPF" …, with a port left for
// RTCP, and "udptl" (T.38 D.2.3), to an IPv4 host. No value: anything else.
std::optional<wire::FlowKind> kind_of(const sdp::Media& media) {
  if (media.port == 0 || !is_host(media.rtp.address)) return std::nullopt;
  if (base::iequals(media.protocol, "udptl")) return wire::FlowKind::kOpaque;
  const bool rtp =
      (base::istarts_with(media.protocol, "RTP/") || media.over_dtls()) && media.port != 65535;
  return rtp ? std::optional(wire::FlowKind::kRtp) : std::nullopt;
}

// 0.0.0.0 means hold (RFC 3264 §8.4): nowhere to send to.
base::Endpoint sendable(const base::Endpoint& remote) {
  const bool held = remote.address == base::IpAddress::ip4(0, 0, 0, 0);
  return held || !is_host(remote.address) || remote.port == 0 ? base::Endpoint{} : remote;
}

// UDPTL has no RTCP.
base::Endpoint rtcp_of(const sdp::Media& media, wire::FlowKind kind) {
  return kind == wire::FlowKind::kRtp ? media.rtcp : base::Endpoint{};
}

// The peer's word: whatever it says, the dataplane must be able to divide by it.
std::uint8_t clock_of(const sdp::Media& media) {
  return static_cast<std::uint8_t>(std::clamp(media.clock_hz / 1000, 1u, 255u));
}

// Under keys that nobody has: what is sent can't be read, and nothing that comes is authentic.
wire::SetSrtp sealed(base::Random& random) {
  wire::SetSrtp out;
  out.suite = static_cast<std::uint8_t>(crypto::SrtpSuite::kAesCm128HmacSha1_80);
  out.anew = 1;
  for (wire::SrtpKeying* keying : {&out.in, &out.out}) {
    for (auto& octet : keying->key) octet = static_cast<std::uint8_t>(random.next());
    for (auto& octet : keying->salt) octet = static_cast<std::uint8_t>(random.next());
  }
  return out;
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
  for (const auto& [stream, since] : left_) give_back(stream, since);
}

bool MediaSession::open(const sdp::Description& description, Side from, base::Nanos now) {
  if (direct_) return true;
  described_[index(from)] = description.text;
  for (std::size_t section = 0; section < description.media.size(); ++section) {
    if (!kind_of(description.media[section]) || streams_.size() == kStreamsMax) continue;
    if (!add_stream(section, now)) {
      give_ports_back(now);
      streams_.clear();
      return false;
    }
  }
  for (Stream& stream : streams_) open_flows(stream, description.media[stream.section], from);
  return true;
}

bool MediaSession::add_stream(std::size_t section, base::Nanos now) {
  const auto keys = ports_.take_two(addresses_[0], addresses_[1], now);
  if (!keys) return false;
  ports_held_ = true;
  const RtcpLeg rtcp(ports_.has_rtcp());
  const DtlsIdentity* identity = means_ != nullptr ? means_->identity : nullptr;
  Stream stream{.section = section,
                .flows = {},
                .rtcp = {rtcp, rtcp},
                .srtp = {SrtpLeg(rules_[0], identity), SrtpLeg(rules_[1], identity)}};
  for (std::size_t side = 0; side < 2; ++side) {
    stream.flows[side][kRtp].key = (*keys)[side];
    stream.flows[side][kRtcp].key = next((*keys)[side]);
  }
  streams_.push_back(std::move(stream));
  return true;
}

void MediaSession::open_flows(Stream& stream, const sdp::Media& media, Side from) {
  const wire::FlowKind carried = *kind_of(media);
  for (std::size_t side = 0; side < 2; ++side) {
    const auto flows = ends(stream, side);
    for (std::size_t kind = 0; kind < flows.size(); ++kind) {
      wire::OpenFlow flow;
      flow.key = flows[kind].key;
      flow.peer = stream.flows[other(side)][kind].key;
      flow.cookie = cookie_;
      flow.kind = kind == kRtp ? carried : wire::FlowKind::kRtcp;
      flow.latch = wire::LatchRule::kSignalledIp;
      flow.tos = tos_;
      flow.clock_khz = clock_of(media);
      flow.rtcp_way = stream.rtcp[side].way();
      if (side == index(from)) {
        flow.remote = reachable(kind == kRtp ? media.rtp : rtcp_of(media, carried), from);
      }
      if (rules_[side].policy != SrtpPolicy::kOff) flow.protection = wire::Protection::kSrtp;
      // What begins as a fax may go on as voice: it has the key, and no use for it until then.
      const auto secret = kind == kRtp ? secrets_[side] : config::PayloadSecret{};
      flows[kind].generation = datapath_.open(flow, secret);
    }
  }
}

void MediaSession::propose(const sdp::Description& offer, Side from, base::Nanos now) {
  if (direct_ || closed_at_ != base::Nanos{}) return;
  for (std::size_t section = 0; section < offer.media.size(); ++section) {
    bool taken = !kind_of(offer.media[section]) || streams_.size() == kStreamsMax;
    for (std::size_t stream = 0; stream < streams_.size() && !taken; ++stream) {
      taken = section_of(stream, offer) == section;
    }
    if (taken) continue;
    if (!add_stream(section, now)) return;  // no ports: the call goes on without
    streams_.back().proposed = true;
    open_flows(streams_.back(), offer.media[section], from);
  }
}

void MediaSession::withdraw(base::Nanos now) {
  for (Stream& stream : streams_) {
    for (RtcpLeg& leg : stream.rtcp) leg.withdraw();
    for (SrtpLeg& leg : stream.srtp) leg.withdraw();
  }
  for (std::size_t stream = streams_.size(); stream-- > 0;) {
    if (streams_[stream].proposed) leave(stream, now);
  }
}

void MediaSession::agree(const sdp::Description& answer, base::Nanos now) {
  agree_early(answer);
  for (std::size_t stream = streams_.size(); stream-- > 1;) {
    if (section_of(stream, answer) == kNoSection) leave(stream, now);
  }
  settled_ = true;
  expect_dtls();
}

void MediaSession::agree_early(const sdp::Description& answer) {
  for (std::size_t i = 0; i < streams_.size(); ++i) {
    const std::size_t section = section_of(i, answer);
    if (section == kNoSection) continue;
    Stream& stream = streams_[i];
    stream.proposed = false;
    for (std::size_t side = 0; side < 2; ++side) {
      for (const Flow& flow : ends(stream, side)) {
        datapath_.set_clock(flow.key, flow.generation, clock_of(answer.media[section]));
      }
    }
  }
}

// Its flows' ends come by on_closed(), and its ports go back then.
void MediaSession::leave(std::size_t stream, base::Nanos now) {
  if (closed_at_ != base::Nanos{}) return;  // all of it is going
  close_flows(streams_[stream]);
  left_.emplace_back(std::move(streams_[stream]), now);
  streams_.erase(streams_.begin() + static_cast<std::ptrdiff_t>(stream));
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
  if (direct_) return !description.media.empty();
  for (std::size_t stream = 0; stream < streams_.size(); ++stream) {
    if (section_of(stream, description) != kNoSection) return true;
  }
  return false;
}

void MediaSession::encrypt(Side side, config::PayloadSecret secret) {
  secrets_[index(side)] = std::move(secret);
}

void MediaSession::protect(Side side, SrtpRule rule, const SrtpMeans& means,
                           MediaListener& listener) {
  rules_[index(side)] = rule;
  means_ = &means;
  listener_ = &listener;
}

bool MediaSession::take_offer(const sdp::Description& offer, Side from) {
  if (direct_) return true;
  for (std::size_t i = 0; i < streams_.size(); ++i) {
    const std::size_t section = section_of(i, offer);
    if (section == kNoSection || *kind_of(offer.media[section]) != wire::FlowKind::kRtp) continue;
    const sdp::Media& media = offer.media[section];
    Stream& stream = streams_[i];
    stream.rtcp[index(from)].take_offer(media);
    stream.rtcp[other(index(from))].make_offer(media.rtcp_mux);
    if (!protects()) {
      if (media.over_dtls()) return false;
      continue;
    }
    SrtpLeg& asker = stream.srtp[index(from)];
    const bool hidden = reachable(media.rtp, from) != sendable(media.rtp);
    if (!asker.take_offer(media, means_->random, hidden)) return false;
    stream.srtp[other(index(from))].make_offer(means_->random, &media);
    // The first agreement counts at once: what it is told meanwhile comes from us. But a handshake
    // is for who has our answer.
    if (!asker.agreed() && !asker.awaits_dtls()) asker.agree();
    use_srtp(stream);
  }
  return true;
}

bool MediaSession::take_answer(const sdp::Description& answer, Side from) {
  if (direct_) return true;
  for (std::size_t i = 0; i < streams_.size(); ++i) {
    const std::size_t section = section_of(i, answer);
    if (section == kNoSection || *kind_of(answer.media[section]) != wire::FlowKind::kRtp) continue;
    Stream& stream = streams_[i];
    stream.rtcp[index(from)].take_answer(answer.media[section]);
    stream.rtcp[other(index(from))].agree();
    use_rtcp(stream);
    if (!protects()) continue;
    if (!stream.srtp[index(from)].take_answer(answer.media[section])) return false;
    stream.srtp[other(index(from))].agree();
    use_srtp(stream);
  }
  return true;
}

void MediaSession::make_offer(Side to) {
  if (direct_) return;
  for (Stream& stream : streams_) {
    stream.rtcp[index(to)].make_offer(stream.rtcp[other(index(to))].muxed());
    // To ports of ours that he doesn't know yet, or hasn't used for a while.
    if (protects()) stream.srtp[index(to)].make_offer(means_->random, nullptr, true);
  }
}

void MediaSession::use_rtcp(const Stream& stream) {
  for (std::size_t side = 0; side < 2; ++side) {
    const Flow& rtp = stream.flows[side][kRtp];
    datapath_.set_rtcp_way(rtp.key, rtp.generation, stream.rtcp[side].way());
  }
}

void MediaSession::use_srtp(Stream& stream) {
  for (std::size_t side = 0; side < 2; ++side) {
    const auto& agreed = stream.srtp[side].agreed();
    if (rules_[side].policy == SrtpPolicy::kOff || !agreed || agreed == stream.in_use[side]) {
      continue;
    }
    use_srtp(stream, side, *agreed);
    stream.in_use[side] = agreed;
  }
}

void MediaSession::use_srtp(Stream& stream, std::size_t side, const SrtpLeg::Terms& terms) {
  if (terms.dtls) return use_dtls(stream, side, *terms.dtls);
  const bool was_dtls = stream.in_use[side] && stream.in_use[side]->dtls;
  for (auto& association : stream.dtls[side]) association.reset();
  const Flow& rtp = stream.flows[side][kRtp];
  wire::SetSrtp order;
  order.suite = static_cast<std::uint8_t>(terms.suite);
  order.anew = was_dtls ? 1 : 0;
  order.in = terms.in;
  order.out = terms.out;
  datapath_.set_srtp(rtp.key, rtp.generation, order);
  crypto::wipe(&order, sizeof order);
}

// The keys that there are serve until the new association has its own; where media ran in the
// clear, they don't any more. RTCP has an association of its own, unless it goes by RTP's port (RFC
// 5764 §4.1.1).
void MediaSession::use_dtls(Stream& stream, std::size_t side, const SrtpLeg::Dtls& terms) {
  const auto& before = stream.in_use[side];
  if (before && before->dtls && before->dtls->association == terms.association) return;
  if (before && !before->dtls && before->suite == crypto::SrtpSuite::kNone) {
    const Flow& rtp = stream.flows[side][kRtp];
    datapath_.set_srtp(rtp.key, rtp.generation, sealed(means_->random));
  }
  DtlsListener& self = *this;
  const std::size_t kinds = stream.rtcp[side].muxed() ? 1 : ends(stream, side).size();
  const auto scope = kinds == 1 ? wire::SetSrtp::kRtpAndRtcp : wire::SetSrtp::kFlow;
  for (std::size_t kind = 0; kind < kinds; ++kind) {
    const Flow& flow = stream.flows[side][kind];
    stream.dtls[side][kind] = std::make_unique<DtlsAssociation>(
        *means_, datapath_, self,
        DtlsAssociation::Setup{.key = flow.key,
                               .generation = flow.generation,
                               .scope = scope,
                               .role = terms.role,
                               .fingerprints = terms.fingerprints});
  }
  if (settled_) expect_dtls();
}

void MediaSession::expect_dtls() {
  for (Stream& stream : streams_) {
    for (auto& side : stream.dtls) {
      for (auto& association : side) {
        if (association) association->expect();
      }
    }
  }
}

bool MediaSession::on_dtls(FlowKey key, const base::Endpoint& from,
                           DtlsHandshake::Datagram datagram) {
  for (Stream& stream : streams_) {
    for (auto& side : stream.dtls) {
      for (auto& association : side) {
        if (!association || !(association->key() == key)) continue;
        association->take(from, datagram);
        return true;
      }
    }
  }
  return false;
}

// Who hears no reports talks all the same.
void MediaSession::on_dtls_failed(FlowKey key, DtlsFailure failure) {
  if (side_of(key)) listener_->on_media_unsafe(*this, failure);
}

// Unset: nowhere to send to.
base::Endpoint MediaSession::reachable(const base::Endpoint& remote, Side side) const {
  base::Endpoint out = sendable(remote);
  const Source& source = sources_[index(side)];
  if (!out.address.is_set() || !source.address.is_ip4()) return out;
  const bool hidden = source.behind_nat || !source.address.is_private();
  if (hidden && out.address.is_private()) out.address = source.address;
  return out;
}

void MediaSession::set_remote(Side side, const sdp::Description& description) {
  std::string& described = described_[index(side)];
  // A session that is merely refreshed (RFC 4028) says the same again.
  const bool anew = !described.empty() && described != description.text;
  described = description.text;
  for (std::size_t stream = 0; stream < streams_.size(); ++stream) {
    const std::size_t section = section_of(stream, description);
    if (section == kNoSection) continue;
    const sdp::Media& media = description.media[section];
    const wire::FlowKind kind = *kind_of(media);
    const auto flows = ends(streams_[stream], index(side));
    datapath_.update(flows[kRtp].key, flows[kRtp].generation, reachable(media.rtp, side), kind,
                     anew);
    if (flows.size() == 1) continue;
    datapath_.update(flows[kRtcp].key, flows[kRtcp].generation,
                     reachable(rtcp_of(media, kind), side), wire::FlowKind::kRtcp, anew);
  }
}

std::string MediaSession::rewritten(const sdp::Description& description, Side from) const {
  if (direct_) return std::string(description.text);
  const std::size_t towards = other(index(from));
  const base::IpAddress& own = plan_.addresses[addresses_[towards]];
  std::vector<sdp::LocalMedia> local(description.media.size());
  for (auto& media : local) media.rtp.address = own;  // port 0: not let through
  for (std::size_t stream = 0; stream < streams_.size(); ++stream) {
    const std::size_t section = section_of(stream, description);
    if (section == kNoSection) continue;
    local[section].rtp.port = streams_[stream].flows[towards][kRtp].key.port;
    const bool rtp = *kind_of(description.media[section]) == wire::FlowKind::kRtp;
    if (rtp) local[section].rtcp = streams_[stream].rtcp[towards].said();
    if (rtp && protects()) local[section].security = streams_[stream].srtp[towards].said();
  }
  return sdp::rewrite(description, local);
}

void MediaSession::close(base::Nanos now) {
  if (open_flows_ != 0 || streams_.empty() || closed_at_ != base::Nanos{}) return;
  closed_at_ = now;
  for (Stream& stream : streams_) {
    for (std::size_t side = 0; side < 2; ++side) {
      for (Flow& flow : ends(stream, side)) {
        // Should the dataplane never answer, its last publication is what we have.
        wire::FlowRecord record;
        if (!flow.figures_known && datapath_.record(flow.key, flow.generation, record)) {
          flow.final = record.figures;
          flow.report = record.report;
          flow.figures_known = true;
        }
        ++open_flows_;
      }
    }
    close_flows(stream);
  }
}

void MediaSession::close_flows(Stream& stream) {
  for (auto& side : stream.dtls) {
    for (auto& association : side) association.reset();
  }
  for (std::size_t side = 0; side < 2; ++side) {
    for (const Flow& flow : ends(stream, side)) datapath_.close(flow.key, flow.generation);
  }
}

bool MediaSession::on_closed(const wire::FlowClosed& event) {
  for (Stream& stream : streams_) {
    for (std::size_t side = 0; side < 2; ++side) {
      for (Flow& flow : ends(stream, side)) {
        if (!(flow.key == event.key) || flow.generation != event.generation) continue;
        if (flow.final_known) return false;
        flow.final = event.figures;
        flow.report = event.report;
        flow.final_known = flow.figures_known = true;
        if (open_flows_ == 0 || --open_flows_ != 0) return false;
        give_ports_back(closed_at_);
        return true;
      }
    }
  }
  on_left_closed(event);
  return false;
}

void MediaSession::on_left_closed(const wire::FlowClosed& event) {
  for (auto left = left_.begin(); left != left_.end(); ++left) {
    auto& [stream, since] = *left;
    bool all = true;
    for (std::size_t side = 0; side < 2; ++side) {
      for (Flow& flow : ends(stream, side)) {
        if (flow.key == event.key && flow.generation == event.generation) flow.final_known = true;
        all = all && flow.final_known;
      }
    }
    if (!all) continue;
    give_back(stream, since);
    left_.erase(left);
    return;
  }
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
  wire::ReceptionReport ignored;
  return !streams_.empty() && told(streams_.front().flows[index(from)][kRtp], out, ignored);
}

bool MediaSession::report(Side by, wire::ReceptionReport& out) const {
  if (streams_.empty()) return false;
  wire::FlowFigures ignored;
  return told(streams_.front().flows[index(by)][kRtp], ignored, out) && out.reports != 0;
}

bool MediaSession::told(const Flow& flow, wire::FlowFigures& figures,
                        wire::ReceptionReport& report) const {
  wire::FlowRecord record;
  if (flow.figures_known) {
    figures = flow.final;
    report = flow.report;
  } else if (datapath_.record(flow.key, flow.generation, record)) {
    figures = record.figures;
    report = record.report;
  } else {
    return false;
  }
  return true;
}

base::Nanos MediaSession::last_heard(Side side) const {
  std::int64_t latest = 0;
  for (const Stream& stream : streams_) {
    const Flow& rtp = stream.flows[index(side)][kRtp];
    wire::FlowRecord record;
    if (!datapath_.record(rtp.key, rtp.generation, record)) continue;
    latest = std::max({latest, record.opened_ns, record.last_packet_ns});
  }
  return base::Nanos{latest};
}

void MediaSession::give_ports_back(base::Nanos now) {
  for (const Stream& stream : streams_) give_back(stream, now);
  ports_held_ = false;
}

void MediaSession::give_back(const Stream& stream, base::Nanos now) {
  for (const auto& side : stream.flows) ports_.give_back(side[kRtp].key, now);
}

}  // namespace tandem::media
