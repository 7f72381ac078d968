#include "controlplane/sip/branches.h"

#include <algorithm>

#include "controlplane/sip/builder.h"
#include "controlplane/sip/end_to_end.h"

namespace tandem::sip {
namespace {

// Least is best: any 6xx, else the lowest class, a 3xx as if it were a 4xx; in it first what tells
// the caller how to dial better, then what the called party says, what it does without a word, and
// what doesn't pass to the caller (a proxy would choose just that, §16.7 step 6: it passes on
// credentials); last what tells nothing of the called party.
int rank_of(int status, bool answered) {
  if (status >= 600) return 0;
  const int whole = std::max(status / 100, 4) * 10;
  switch (status) {
    case 484:
      return whole;
    case 408:
    case 481:
    case 482:  // it has the call already, by another branch
    case 487:
    case 503:
      return whole + 4;
    default:
      break;
  }
  if (!answered) return whole + 2;  // it hung up
  return whole + (refusal_passes(status) ? 1 : 3);
}

}  // namespace

void Branches::add(std::span<const InviteTarget> others) {
  if (others.empty()) return;
  others_ = std::make_unique<Others>();
  for (const InviteTarget& to : others.first(std::min(others.size(), Leg::kBranchesMax - 1))) {
    Place& place = others_->places.emplace_back();
    place.path = to.path;
    place.uri = to.uri;
    place.secure = Dialog::asks_for_sips(to.uri, to.route);
  }
}

int Branches::find(ClientId client) const {
  for (int i = 0; i < count(); ++i) {
    if (at(i).client == client) return i;
  }
  return -1;
}

LegDialog Branches::first_dialog(int branch) const {
  LegDialog out = leg_.at(0);
  out.branch = static_cast<std::uint8_t>(branch);
  out.dialog.local_cseq = at(branch).cseq;
  if (branch == 0) return out;
  const Place& to = const_cast<Branches*>(this)->place(branch);
  out.dialog.path = to.path;
  out.dialog.remote_target = to.uri;
  out.dialog.secure = to.secure;
  return out;
}

bool Branches::hopeful(int besides) const {
  for (int i = 0; i < count(); ++i) {
    if (i != besides && at(i).status == 0) return true;
  }
  return false;
}

bool Branches::has_dialog(int branch) const {
  return std::any_of(leg_.dialogs.begin() + 1, leg_.dialogs.end(),
                     [branch](const LegDialog& in) { return in.branch == branch && !in.over; });
}

bool Branches::open() const {
  for (int i = 0; i < count(); ++i) {
    if (at(i).client && !at(i).ended) return true;
  }
  return false;
}

bool Branches::live() const {
  for (int i = 0; i < count(); ++i) {
    if (at(i).client) return true;
  }
  return false;
}

void Branches::let_go(int branch, std::string_view reason) {
  Branch& b = at(branch);
  if (!b.client || b.ended || b.let_go) return;
  b.let_go = true;
  if (b.heard) {
    leg_.host.clients.cancel(b.client, reason);
  } else {
    leg_.host.clients.stop_retransmitting(b.client);
  }
}

void Branches::let_go_all(std::string_view reason, int besides) {
  for (int i = 0; i < count(); ++i) {
    if (i != besides) let_go(i, reason);
  }
}

void Branches::forget_invites() {
  for (int i = 0; i < count(); ++i) std::string().swap(at(i).invite);
}

void Branches::decline(int branch) {
  let_go_all({}, branch);
  for (int i = 0; i < count(); ++i) {
    Branch& b = at(i);
    if (b.status == 0 && !b.heard) b.status = 408;
  }
}

void Branches::fail(int branch, int status, const Message* response) {
  at(branch).status = static_cast<std::uint16_t>(status);
  if (!several()) return;
  const int rank = rank_of(status, response != nullptr);
  if (others_->best >= 0 && rank >= others_->rank) return;
  others_->best = branch;
  others_->rank = rank;
  others_->response = response != nullptr ? copy_of(*response) : std::string();
}

}  // namespace tandem::sip
