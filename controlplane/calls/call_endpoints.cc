// The part of a call that asks an account's phones: those of one q at once, as branches of our leg.
#include <algorithm>
#include <utility>

#include "controlplane/calls/call.h"
#include "drivers/base/check.h"

namespace tandem::calls {

// The next ones to be asked: of equal q, and of one network, since they share the media port that
// they are told of. Who is reached by another network is asked after them.
void Call::take_group() {
  group_.push_back(std::move(contacts_.back()));
  contacts_.pop_back();
  const auto q = group_.front().q;
  const int address = media_port(board_.site, group_.front().path);
  for (auto i = contacts_.size(); i-- > 0 && contacts_[i].q == q;) {
    if (group_.size() == sip::Leg::kBranchesMax) return;
    if (media_port(board_.site, contacts_[i].path) != address) continue;
    group_.push_back(std::move(contacts_[i]));
    contacts_.erase(contacts_.begin() + static_cast<std::ptrdiff_t>(i));
  }
}

// One of them decides how this ends: the record names it, and those that failed beside it.
// `unheard`: the status of who hasn't said anything final; 0: they are left out. Without a leg none
// of them could be asked.
void Call::settle_group(std::size_t named, int unheard) {
  if (group_.size() < 2) return;
  const auto* leg = callee();
  CHECK(named < group_.size());
  CHECK(leg == nullptr || leg->branches() == static_cast<int>(group_.size()));
  for (std::size_t i = 0; i < group_.size(); ++i) {
    const int failed = leg == nullptr ? 0 : leg->branch_status(static_cast<int>(i));
    const int status = failed != 0 ? failed : unheard;
    if (i == named || status == 0) continue;
    record_.callee_sent = group_[i].uri;
    note_given_up(status);
  }
  record_.callee_sent = group_[named].uri;
  if (named != 0) group_.front() = std::move(group_[named]);
  group_.resize(1);
  const sip::Path& path = group_.front().path;
  if (media_) {
    media_->set_source(media::Side::kCallee, {path.remote.address, path.own_flow_only});
  }
}

// It ends before any of them decided: the first that still was asked stands for all.
void Call::settle_unanswered(int unheard) {
  if (group_.size() < 2) return;
  const auto* leg = callee();
  std::size_t named = 0;
  for (std::size_t i = group_.size(); leg != nullptr && i-- > 0;) {
    if (leg->branch_status(static_cast<int>(i)) == 0) named = i;
  }
  settle_group(named, unheard);
}

void Call::on_progress_expired() {
  if (auto* leg = callee(); leg != nullptr && leg->drop_declined()) return;
  const bool silent = on_progress_expiry_ == ReleaseCause::InviteTimeout ||
                      on_progress_expiry_ == ReleaseCause::EndpointUnreachable;
  settle_unanswered(408);
  // Phones that ring are left for those of lower q.
  if ((silent || at_endpoint()) && try_next_place(408)) return;
  if (silent && follow_redirect(408, nullptr)) return;
  const bool rang = on_progress_expiry_ == ReleaseCause::NoAnswer;
  if (try_next_vendor({.status = 408, .silent = !rang, .rang = rang})) return;
  release(on_progress_expiry_, Direction::kSwitch);
}

void Call::end_with(const std::string& account, const sip::Binding& contact) {
  const auto* caller_leg = board_.agent->find(caller_);
  if (caller_leg != nullptr && record_.caller_account == account &&
      caller_leg->dialog().path.remote == contact.way.remote) {
    hang_up(ReleaseCause::EndpointReplaced);
    return;
  }
  // Not where somebody else has the place by now, or the phone's party is gone to another call.
  const bool is_called = callee_ && callee_.handle == asked_.handle;
  if (!is_called || record_.callee_account != account) return;
  const auto found = std::find_if(group_.begin(), group_.end(), [&](const auto& asked) {
    // What was sent there had no headers.
    return contact.uri().substr(0, contact.uri().find('?', asked.uri.size())) == asked.uri;
  });
  if (found == group_.end()) return;
  auto* leg = callee();
  const int lost = static_cast<int>(found - group_.begin());
  // Else the others go on, or those of lower q follow.
  const bool last = leg != nullptr && !leg->hopeful(lost) && nowhere_else();
  if (group_.size() == 1 || last) {
    hang_up(ReleaseCause::EndpointReplaced);
  } else if (leg != nullptr) {
    leg->drop(lost);
  }
}

}  // namespace tandem::calls
