// UAC: what one INVITE of ours brings about when it forks. The early dialogs side by side, the
// PRACKs in them (RFC 3262 §4), and the 2xx of those that came too late (RFC 3261 §13.2.2.4).
// Owner: the shard's thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "controlplane/sip/branches.h"

namespace tandem::sip {

class Forks {
 public:
  Forks(Leg& leg, Branches& branches) : leg_(leg), branches_(branches) {}

  // The early dialog that a 1xx to this branch belongs to, made if it is new (§12.1.2). 0: it has
  // no tag, so none; -1: one more than we keep.
  int early_dialog(int branch, const Message& response);
  // A reliable 18x: acknowledged, unless it brings an offer, whose answer send_prack() takes along.
  // False: repeated, or out of order, which its sender will repeat.
  bool take_reliable(int fork, const Message& response);
  bool send_prack(int fork, std::string_view content_type, std::string_view body);
  // The early dialog whose PRACK with our answer in it this is; -1: none.
  int answered_by(ClientId prack) const;
  // A 2xx of another fork than the one confirmed: that leg is acknowledged and hung up, without a
  // Contact at the request's target.
  void hang_up(int branch, const Message& response);

 private:
  struct HungUp {
    std::string tag;
    int branch;
    std::string ack;  // for repeating
  };

  Leg& leg_;
  Branches& branches_;
  std::vector<HungUp> hung_up_;
};

}  // namespace tandem::sip
