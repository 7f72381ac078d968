// The part of a call that opens its media: through us, or from one party to the other.
#include <algorithm>
#include <cmath>

#include "controlplane/calls/call.h"
#include "controlplane/media/quality.h"
#include "controlplane/sip/body.h"

namespace tandem::calls {
namespace {

// A phone calls itself otherwise than its packets do. A name says nothing, nor does what came by
// way of a proxy.
bool behind_nat(const sip::Message& invite, const base::IpAddress& source) {
  if (!invite.value(sip::HeaderId::kRecordRoute).empty() || invite.contact() == nullptr) {
    return false;
  }
  const auto said = base::IpAddress::parse(invite.contact()->uri.host);
  return said && *said != source;
}

// Payloads that are encrypted otherwise aren't once more.
media::SrtpRule gateway_srtp(const config::Parameters& parameters) {
  if (payload_secret_of(parameters)) return {};
  return {.policy = static_cast<media::SrtpPolicy>(parameters.TD_SRTP),
          .offers = static_cast<media::KeyAgreement>(parameters.TD_SRTP_KEYS)};
}

media::SrtpRule endpoint_srtp(const config::Parameters& parameters) {
  return {.policy = static_cast<media::SrtpPolicy>(parameters.TD_ENDPOINT_SRTP),
          .offers = static_cast<media::KeyAgreement>(parameters.TD_ENDPOINT_SRTP_KEYS)};
}

// `talker`: the other party's report, for the way between it and us.
void estimate(const wire::FlowFigures& figures, std::string_view codec,
              std::uint32_t talker_trip_us, cdr::Quality& out) {
  if (figures.packets <= figures.opaque) return;
  const media::Codec& known = media::codec_named(codec);
  const auto conditions =
      media::conditions_of(figures, known, talker_trip_us, out.report.round_trip_us);
  const double mos = media::opinion_score(media::rating(known, conditions));
  out.mos_x100 = static_cast<std::uint16_t>(std::lround(mos * 100));
  out.delay_ms =
      static_cast<std::uint16_t>(std::lround(std::min<double>(conditions.delay_ms, UINT16_MAX)));
}

}  // namespace

// Who comes from another call brings his own. Phones don't speak it, whatever the system says.
config::PayloadSecret Call::caller_secret() const {
  if (takeover_ && takeover_->blind) return takeover_->secret;
  if (!customer_) return {};
  return payload_secret_of(customer_->parameters ? *customer_->parameters : *parameters_);
}

config::PayloadSecret Call::callee_secret() const {
  return at_endpoint() ? config::PayloadSecret{} : payload_secret_of(vendor_parameters());
}

media::SrtpRule Call::caller_srtp() const {
  if (takeover_ && takeover_->blind) return takeover_->srtp;
  if (!customer_) return endpoint_srtp(board_.site.parameters);
  return gateway_srtp(customer_->parameters ? *customer_->parameters : *parameters_);
}

media::SrtpRule Call::callee_srtp() const {
  return at_endpoint() ? endpoint_srtp(board_.site.parameters) : gateway_srtp(vendor_parameters());
}

MediaParty Call::media_caller(const sip::Message& invite) {
  const auto& own = customer_ && customer_->parameters ? *customer_->parameters : *parameters_;
  MediaParty out{.mode = own.SS_MEDIAPROXYMODE,
                 .network = static_cast<std::uint32_t>(media_towards_caller_)};
  out.encrypted_payload = static_cast<bool>(caller_secret());
  out.srtp = caller_srtp().policy;
  const auto* leg = caller();
  if (leg == nullptr) {  // comes from another call
    const media::Source source = takeover_ ? takeover_->source : media::Source{};
    out.address = source.address;
    out.behind_nat = source.behind_nat;
    return out;
  }
  out.address = leg->dialog().path.remote.address;
  out.behind_nat = !record_.caller_account.empty() && behind_nat(invite, out.address);
  return out;
}

// Of several phones that are asked at once, all get one description.
MediaDecision Call::media_decision(const MediaParty& caller, const Aim& aim) const {
  const config::Parameters& system = board_.site.parameters;
  const MediaSwitches switches = media_switches_of(system);
  MediaParty callee{.mode = system.SS_MEDIAPROXYMODE,
                    .network = aim.address,
                    .address = aim.path.remote.address,
                    .behind_nat = aim.path.own_flow_only,
                    .srtp = callee_srtp().policy,
                    .local_ring = rings_itself()};
  if (!at_endpoint()) {
    callee.encrypted_payload = static_cast<bool>(callee_secret());
    if (vendor_->parameters) callee.mode = vendor_->parameters->SS_MEDIAPROXYMODE;
    return decide_media(switches, caller, callee);
  }
  MediaDecision out{};
  for (const auto& phone : group_) {
    callee.address = phone.path.remote.address;
    callee.behind_nat = phone.path.own_flow_only;
    out = decide_media(switches, caller, callee);
    if (out.proxied) return out;
  }
  return out;
}

std::optional<ReleaseCause> Call::open_media(const sip::Message& invite, const Aim& aim) {
  const auto& plan = board_.site.corridor.plan;
  if (media_towards_caller_ < 0 || aim.address >= plan.address_count) {
    return ReleaseCause::NoResource;
  }
  media_ = std::make_unique<media::MediaSession>(
      board_.datapath, board_.ports, plan,
      std::array{static_cast<std::uint32_t>(media_towards_caller_), aim.address}, id_.handle.raw,
      parameters_->SS_QOS_RTP);
  const MediaParty from = media_caller(invite);
  media_->set_source(media::Side::kCaller, {from.address, from.behind_nat});
  media_->set_source(media::Side::kCallee, {aim.path.remote.address, aim.path.own_flow_only});
  media_->encrypt(media::Side::kCaller, caller_secret());
  media_->encrypt(media::Side::kCallee, callee_secret());
  media_->protect(media::Side::kCaller, caller_srtp(), board_.srtp, *this);
  media_->protect(media::Side::kCallee, callee_srtp(), board_.srtp, *this);
  const MediaDecision decision = media_decision(from, aim);
  record_.media_rule = name_of(decision.rule);
  if (!decision.proxied) media_->go_direct();
  return negotiation_.begin(sip::sdp_of(invite), now());
}

std::span<const std::string> Call::codecs(int leg) const {
  const routing::GatewayRef& gateway = leg == kCallerLeg ? customer_ : vendor_;
  if (!gateway || (leg == kCalleeLeg && at_endpoint())) return {};
  return gateway->settings.codecs;
}

void Call::on_media(std::string_view codec) {
  record_.media_mode = media_->direct() ? "direct" : "proxy";
  record_.codec = codec;
}

bool Call::on_dtls(media::FlowKey key, const base::Endpoint& from,
                   media::DtlsHandshake::Datagram datagram) {
  if (media_ && media_->on_dtls(key, from, datagram)) return true;
  return takeover_ && takeover_->former && takeover_->former->on_dtls(key, from, datagram);
}

// Media that are to be given up with somebody's place are no reason to end the call.
void Call::on_media_unsafe(const media::MediaSession& session, media::DtlsFailure failure) {
  if (&session != media_.get() || board_.env.wheel.armed(unsafe_timer_)) return;
  unsafe_ = failure == media::DtlsFailure::kFingerprint ? ReleaseCause::DtlsFingerprint
                                                        : ReleaseCause::DtlsFailed;
  unsafe_timer_ = board_.env.wheel.arm(now(), *this, kUnsafeClock);
}

void Call::on_flow_latched(const wire::FlowLatched& event) {
  if (!media_) return;
  if (const auto side = media_->side_of(event.key)) heard_[static_cast<std::size_t>(*side)] = true;
}

void Call::take_figures(cdr::CallRecord& record) const {
  using media::Side;
  if (!media_) return;
  wire::FlowFigures figures;
  if (media_->figures(Side::kCaller, figures)) record.from_caller = figures;
  if (media_->figures(Side::kCallee, figures)) record.from_callee = figures;
  cdr::Quality& from_caller = record.quality_from_caller;
  cdr::Quality& from_callee = record.quality_from_callee;
  media_->report(Side::kCallee, from_caller.report);
  media_->report(Side::kCaller, from_callee.report);
  const std::uint32_t caller_trip_us = from_callee.report.round_trip_us;
  const std::uint32_t callee_trip_us = from_caller.report.round_trip_us;
  if (record.from_caller) estimate(*record.from_caller, record.codec, caller_trip_us, from_caller);
  if (record.from_callee) estimate(*record.from_callee, record.codec, callee_trip_us, from_callee);
}

}  // namespace tandem::calls
