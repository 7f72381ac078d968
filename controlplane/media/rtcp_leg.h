// How RTCP goes between us and one party, for one m= section: by a port of its own, or by RTP's
// where both say so (a=rtcp-mux, RFC 5761 §5.1.1). What isn't agreed yet changes nothing of what
// is. Pure.
#pragma once

#include "controlplane/sdp/sdp.h"
#include "drivers/wire/messages.h"

namespace tandem::media {

class RtcpLeg {
 public:
  // `has_port`: there is one of ours for the party's RTCP.
  explicit RtcpLeg(bool has_port) : has_port_(has_port) {}

  // The party offers, and is told said() in our answer; agree() then, or withdraw().
  void take_offer(const sdp::Media& media);
  // We offer it said(): take_answer() then (again, if there are several), or withdraw().
  void make_offer(bool mux);
  void take_answer(const sdp::Media& media);
  void agree();
  void withdraw();

  // What our latest description for this party has.
  sdp::RtcpSaid said() const;
  bool muxed() const { return muxed_; }
  wire::RtcpWay way() const;

 private:
  bool has_port_;
  bool muxed_ = false;     // agreed on
  bool said_mux_ = false;  // by us
  bool offered_ = false;   // said_mux_, when it was an offer or a party's own that we agreed to
  bool offering_ = false;  // it waits for an answer
};

}  // namespace tandem::media
