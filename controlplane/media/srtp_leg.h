// SRTP between us and one party, for one m= section: what is offered, answered and agreed on by
// SDES (RFC 4568 §5), under the policy for that party. What isn't agreed yet changes nothing of
// what is. Pure but for the numbers that keys are made of.
#pragma once

#include <optional>
#include <vector>

#include "controlplane/sdp/crypto.h"
#include "controlplane/sdp/sdp.h"
#include "drivers/base/random.h"
#include "drivers/wire/messages.h"

namespace tandem::media {

enum class SrtpPolicy : std::uint8_t {
  kOff,       // in the clear
  kOptional,  // SRTP with whom it can be agreed: offered as RTP/AVP with a=crypto
  kRequired,  // SRTP or no media: RTP/SAVP
};

class SrtpLeg {
 public:
  // Suite kNone: in the clear.
  struct Terms {
    crypto::SrtpSuite suite = crypto::SrtpSuite::kNone;
    std::uint32_t tag = 0;
    wire::SrtpKeying in{};
    wire::SrtpKeying out{};

    friend bool operator==(const Terms&, const Terms&) = default;
  };

  explicit SrtpLeg(SrtpPolicy policy) : policy_(policy) {}

  // The party offers, and is told said() in our answer; agree() then, or withdraw(). False: the
  // policy, or what we speak, can't have it.
  bool take_offer(const sdp::Media& media, base::Random& random);
  // We offer it said(): take_answer() then, or withdraw().
  void make_offer(base::Random& random);
  // False: not an answer to what was offered, or not one that the policy can have.
  bool take_answer(const sdp::Media& media);
  void agree();
  void withdraw();

  // What our latest description for this party has.
  const sdp::Security& said() const { return said_; }
  // What is agreed on; nothing yet: no value.
  const std::optional<Terms>& agreed() const { return agreed_; }

 private:
  struct Offered {
    std::uint32_t tag;
    crypto::SrtpSuite suite;
    wire::SrtpKeying key;
  };

  std::optional<Terms> chosen(const sdp::Media& media, base::Random& random) const;
  void remember();

  SrtpPolicy policy_;
  std::optional<Terms> agreed_;
  std::optional<Terms> pending_;  // the answerer's, until agree()
  std::vector<Offered> offered_;  // said_, when it is an offer
  sdp::Security said_;
  // Before what is open now, for withdraw().
  std::vector<Offered> offered_before_;
  sdp::Security said_before_;
  bool open_ = false;
};

}  // namespace tandem::media
