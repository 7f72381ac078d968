// SRTP between us and one party, for one m= section: what is offered, answered and agreed on by
// SDES (RFC 4568 §5) or DTLS (RFC 5763 §5, RFC 8842), under the rule for that party. What isn't
// agreed yet changes nothing of what is. Pure but for the numbers that keys and names are made of.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "controlplane/media/dtls_handshake.h"
#include "controlplane/sdp/crypto.h"
#include "controlplane/sdp/sdp.h"
#include "drivers/base/random.h"
#include "drivers/wire/messages.h"

namespace tandem::media {

enum class SrtpPolicy : std::uint8_t {
  kOff,       // in the clear
  kOptional,  // SRTP with whom it can be agreed: offered as RTP/AVP
  kRequired,  // SRTP or no media
};

enum class KeyAgreement : std::uint8_t {
  kSdes,  // keys stand in descriptions, for all to read who carry them
  kDtls,  // in descriptions stands whose certificate it is, the keys are the parties' own
};

// What a party may have of SRTP.
struct SrtpRule {
  SrtpPolicy policy = SrtpPolicy::kOff;
  KeyAgreement offers = KeyAgreement::kSdes;  // what we offer; of it either is taken

  friend bool operator==(const SrtpRule&, const SrtpRule&) = default;
};

class SrtpLeg {
 public:
  struct Dtls {
    std::uint32_t association = 0;  // from 1; another number: another one
    DtlsRole role = DtlsRole::kClient;
    std::vector<sdp::Fingerprint> fingerprints;  // the party's
    std::string tls_id;                          // the party's; empty: it has none
    std::string own_tls_id;
    base::Endpoint remote;  // where it takes RTP: without a=tls-id that names the association

    friend bool operator==(const Dtls&, const Dtls&) = default;
  };
  // Suite kNone, and no DTLS: in the clear.
  struct Terms {
    crypto::SrtpSuite suite = crypto::SrtpSuite::kNone;  // SDES's
    std::uint32_t tag = 0;
    wire::SrtpKeying in{};
    wire::SrtpKeying out{};
    std::optional<Dtls> dtls{};

    friend bool operator==(const Terms&, const Terms&) = default;
  };

  // `identity`: ours; nullptr: we don't speak DTLS.
  explicit SrtpLeg(SrtpRule rule, const DtlsIdentity* identity = nullptr)
      : rule_(rule), identity_(identity) {}

  // The party offers, and is told said() in our answer; agree() then, or withdraw(). `hidden`: a
  // NAT is before it, so that a handshake is for it to begin. False: the policy, or what we speak,
  // can't have it.
  bool take_offer(const sdp::Media& media, base::Random& random, bool hidden = false);
  // We offer it said(): take_answer() then, or withdraw(). `for_whom`: what the other party
  // offered, whose profile may be passed on. `anew`: where that is DTLS, another association than
  // there may be.
  void make_offer(base::Random& random, const sdp::Media* for_whom = nullptr, bool anew = false);
  // False: not an answer to what was offered, or not one that the policy can have.
  bool take_answer(const sdp::Media& media);
  void agree();
  void withdraw();

  // What our latest description for this party has; once that is agreed on, what it would have if
  // it were said again.
  const sdp::Security& said() const { return now_.said; }
  // What is agreed on; nothing yet: no value.
  const std::optional<Terms>& agreed() const { return agreed_; }
  // The party's offer is to be answered, by DTLS.
  bool awaits_dtls() const { return pending_ && pending_->dtls; }

 private:
  struct Offered {
    std::uint32_t tag;
    crypto::SrtpSuite suite;
    wire::SrtpKeying key;
  };
  // What said() stands for when it is an offer.
  struct Saying {
    sdp::Security said;
    std::vector<Offered> sdes;
    bool dtls = false;
    std::string tls_id;
  };

  std::optional<Terms> chosen(const sdp::Media& media, base::Random& random, bool hidden);
  std::optional<Terms> chosen_sdes(const sdp::Media& media, base::Random& random) const;
  std::optional<Terms> chosen_dtls(const sdp::Media& media, base::Random& random, bool hidden);
  std::optional<Terms> answered_sdes(const sdp::Media& media) const;
  std::optional<Terms> answered_dtls(const sdp::Media& media);
  bool goes_on(const Dtls& asked) const;
  void take_profile(const sdp::Media* for_whom, bool dtls);
  void offer_sdes(base::Random& random);
  void offer_dtls(base::Random& random, bool anew);
  void say(const Terms& terms, std::string_view setup);
  void remember();

  SrtpRule rule_;
  const DtlsIdentity* identity_;
  std::optional<Terms> agreed_;
  std::optional<Terms> pending_;  // the answerer's, until agree()
  std::uint32_t associations_ = 0;
  Saying now_;
  Saying before_;  // before what is open now, for withdraw()
  bool open_ = false;
};

}  // namespace tandem::media
