#include "controlplane/media/rtcp_leg.h"

namespace tandem::media {

void RtcpLeg::take_offer(const sdp::Media& media) {
  said_mux_ = media.rtcp_mux;
  offering_ = false;
}

// Without a port it is our only way.
void RtcpLeg::make_offer(bool mux) {
  said_mux_ = offered_ = mux || !has_port_;
  offering_ = true;
}

void RtcpLeg::take_answer(const sdp::Media& media) {
  muxed_ = said_mux_ = offered_ && media.rtcp_mux;
  offering_ = false;
}

void RtcpLeg::agree() {
  if (!offering_) muxed_ = offered_ = said_mux_;
}

void RtcpLeg::withdraw() {
  said_mux_ = offered_ = muxed_;
  offering_ = false;
}

sdp::RtcpSaid RtcpLeg::said() const {
  if (said_mux_) return offering_ && has_port_ ? sdp::RtcpSaid::kOffered : sdp::RtcpSaid::kMuxed;
  return has_port_ ? sdp::RtcpSaid::kNextPort : sdp::RtcpSaid::kNoPort;
}

wire::RtcpWay RtcpLeg::way() const {
  if (muxed_) return wire::RtcpWay::kRtpPort;
  return has_port_ ? wire::RtcpWay::kNextPort : wire::RtcpWay::kNone;
}

}  // namespace tandem::media
