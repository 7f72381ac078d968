#include "controlplane/sip/referral.h"

#include <utility>

namespace tandem::sip {
namespace {

constexpr std::string_view kFragmentType = "message/sipfrag;version=2.0";
// Longer than any ringing: the subscription ends with the transfer.
constexpr std::string_view kActive = "active;expires=300";
constexpr std::string_view kTerminated = "terminated;reason=noresource";

}  // namespace

void Referral::begin(int fork, std::uint32_t cseq, bool subscribed) {
  open_ = true;
  subscribed_ = subscribed;
  fork_ = fork;
  cseq_ = cseq;
  ++begun_;
  news_ = final_ = false;
}

void Referral::tell(int status, std::string_view reason, bool final) {
  if (!open_) return;
  open_ = !final;
  if (!subscribed_) return;
  fragment_ = "SIP/2.0 " + std::to_string(status) + " " + std::string(reason) + "\r\n";
  final_ = final;
  news_ = true;
  if (!sent_) send();
}

void Referral::send() {
  news_ = false;
  // RFC 3515 §2.4.6: a second REFER's NOTIFYs say whose they are.
  const std::string event = begun_ > 1 ? "refer;id=" + std::to_string(cseq_) : "refer";
  const HeaderLine lines[] = {{HeaderId::kEvent, event},
                              {HeaderId::kSubscriptionState, final_ ? kTerminated : kActive}};
  const std::string contact = leg_.contact(fork_);
  sent_ = leg_.send(Exchange::kNotify, fork_,
                    {.method = Method::kNotify,
                     .contact = contact,
                     .headers = lines,
                     .content_type = kFragmentType,
                     .body = fragment_});
}

void Referral::on_end(ClientId id, int status) {
  if (id != sent_) return;
  sent_ = {};
  // RFC 6665 §4.2.2: who refuses a NOTIFY has no subscription any longer.
  if (status == 408 || status == 481 || status == 489) subscribed_ = false;
  if (std::exchange(news_, false) && subscribed_) send();
}

void Referral::abandon() {
  if (news_ && subscribed_) send();
  open_ = subscribed_ = news_ = false;
  sent_ = {};
}

}  // namespace tandem::sip
