#include "controlplane/sip/forks.h"

#include <algorithm>
#include <cstdint>
#include <span>
#include <utility>

#include "controlplane/sip/body.h"
#include "controlplane/sip/reliable.h"

namespace tandem::sip {
namespace {

// Each branch has its first one, whatever the others do; further ones are limited in all.
template <class List>
bool room_for(int branch, const List& list) {
  std::uint32_t heard = 0;  // a bit a branch
  std::size_t further = 0;
  for (const auto& in : list) {
    const std::uint32_t bit = 1u << in.branch;
    further += (heard & bit) != 0 ? 1 : 0;
    heard |= bit;
  }
  static_assert(Leg::kBranchesMax <= 32);
  return (heard & 1u << branch) == 0 || further < Leg::kEarlyMax - 1;
}

}  // namespace

int Forks::early_dialog(int branch, const Message& response) {
  if (response.to_tag().empty()) return 0;
  if (const int known = leg_.fork_by_remote_tag(response.to_tag(), branch); known >= 0) {
    leg_.at(known).dialog.refresh_target(response);
    return known;
  }
  if (!room_for(branch, std::span(leg_.dialogs).subspan(1))) {
    leg_.host.env.counters.add(wire::Counter::drop_sip_no_memory);
    return -1;
  }
  LegDialog early = branches_.first_dialog(branch);
  early.dialog.confirm(response);
  leg_.dialogs.push_back(std::move(early));
  return static_cast<int>(leg_.dialogs.size()) - 1;
}

bool Forks::take_reliable(int fork, const Message& response) {
  auto& counters = leg_.host.env.counters;
  if (fork == 0) {
    counters.add(wire::Counter::drop_sip_order);  // without a tag no PRACK can be addressed
    return false;
  }
  LegDialog& in = leg_.at(fork);
  const std::uint32_t rseq = *reliable_number(response);
  if (in.rseq != 0 && rseq <= in.rseq) {
    counters.add(wire::Counter::sip_absorbed);
    return false;
  }
  const bool owes_answer = in.agreement == Agreement::kTheirs;
  if ((in.rseq != 0 && rseq != in.rseq + 1) || owes_answer) {
    counters.add(wire::Counter::drop_sip_order);
    return false;
  }
  const std::uint32_t before = std::exchange(in.rseq, rseq);
  if (!sdp_of(response).empty() && in.agreement == Agreement::kNone) {
    in.agreement = Agreement::kTheirs;  // its PRACK waits for prack()
    return true;
  }
  if (!send_prack(fork, {}, {})) {
    leg_.at(fork).rseq = before;  // the next repetition gets another chance
    return false;
  }
  if (!sdp_of(response).empty() && in.agreement == Agreement::kOurs) {
    in.agreement = Agreement::kSettled;
  }
  return true;
}

bool Forks::send_prack(int fork, std::string_view content_type, std::string_view body) {
  const LegDialog& in = leg_.at(fork);
  const std::string rack =
      std::to_string(in.rseq) + " " + std::to_string(branches_.at(in.branch).cseq) + " INVITE";
  const HeaderLine lines[] = {{HeaderId::kRAck, rack}};
  const ClientId id = leg_.send(
      Exchange::kPrack, fork,
      {.method = Method::kPrack, .headers = lines, .content_type = content_type, .body = body});
  if (!body.empty()) leg_.at(fork).answering = id;
  return static_cast<bool>(id);
}

int Forks::answered_by(ClientId prack) const {
  const auto found = std::find_if(leg_.dialogs.begin(), leg_.dialogs.end(),
                                  [&](const LegDialog& in) { return in.answering == prack; });
  return found == leg_.dialogs.end() ? -1 : static_cast<int>(found - leg_.dialogs.begin());
}

void Forks::hang_up(int branch, const Message& response) {
  auto& env = leg_.host.env;
  if (response.to_tag().empty()) {
    env.counters.add(wire::Counter::drop_sip_malformed);  // no ACK can be addressed
    return;
  }
  const int known = leg_.fork_by_remote_tag(response.to_tag(), branch);
  Dialog fork = known < 0 ? branches_.first_dialog(branch).dialog : leg_.at(known).dialog;
  if (!fork.confirm(response)) {
    fork.remote_tag = response.to_tag();
    fork.remote_party = response.value(HeaderId::kTo);
  }
  const Path path = leg_.way(fork);
  for (const HungUp& before : hung_up_) {
    if (before.tag != fork.remote_tag || before.branch != branch) continue;
    send_counted(env, path, before.ack);
    return;
  }
  if (!room_for(branch, hung_up_)) {  // a peer that sends more has lost its way
    env.counters.add(wire::Counter::drop_sip_no_memory);
    return;
  }
  const std::string ack_via = leg_.fresh_via(path);
  std::string ack =
      fork.build({.method = Method::kAck, .cseq = branches_.at(branch).cseq, .via = ack_via});
  hung_up_.push_back({fork.remote_tag, branch, leg_.proven.prove_ack(std::move(ack))});
  if (hung_up_.back().ack.empty()) return;
  send_counted(env, path, hung_up_.back().ack);
  const ClientId bye = leg_.host.clients.begin(Method::kBye, 0, path);
  if (!bye) return;
  const std::string via = leg_.host.clients.via(bye);
  leg_.host.clients.send(
      bye, fork.build({.method = Method::kBye, .cseq = fork.next_cseq(), .via = via}));
}

}  // namespace tandem::sip
