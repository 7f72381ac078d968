// The subscription that a REFER we follow makes (RFC 3515 §2.4.4, RFC 6665): how the transfer goes,
// told to who asked by NOTIFYs with a message/sipfrag body. One at a time a leg, and of its NOTIFYs
// one; what happens meanwhile is told by the next, latest news only. Without a subscription
// (norefersub, RFC 4488) it says nothing. Owner: the session.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "controlplane/sip/leg.h"

namespace tandem::sip {

class Referral {
 public:
  explicit Referral(Leg& leg) : leg_(leg) {}

  // The REFER has been accepted, in this dialog of the leg. `subscribed`: the peer wants NOTIFYs.
  void begin(int fork, std::uint32_t cseq, bool subscribed);
  bool open() const { return open_; }
  // What the transfer's target said last. `final`: there won't be more.
  void tell(int status, std::string_view reason, bool final);
  // Our NOTIFY got this final response (408: none).
  void on_end(ClientId id, int status);
  // The leg ends: what wasn't told yet is told now.
  void abandon();

 private:
  void send();

  Leg& leg_;
  bool open_ = false;
  bool subscribed_ = false;
  int fork_ = 0;
  std::uint32_t begun_ = 0;  // referrals of this leg
  std::uint32_t cseq_ = 0;   // the REFER's, which tells a second subscription from the first
  ClientId sent_{};          // the NOTIFY that waits for its response
  bool news_ = false;        // not told yet: …
  std::string fragment_;
  bool final_ = false;
};

}  // namespace tandem::sip
