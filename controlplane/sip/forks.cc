#include "controlplane/sip/forks.h"

#include <algorithm>
#include <utility>

#include "controlplane/sip/body.h"
#include "controlplane/sip/reliable.h"

namespace tandem::sip {
namespace {

// 2xx of so many forks are hung up; a peer that sends more has lost its way.
constexpr std::size_t kHungUpMax = 8;

}  // namespace

int Forks::early_dialog(const Message& response) {
  if (response.to_tag().empty()) return 0;
  if (const int known = leg_.fork_by_remote_tag(response.to_tag()); known >= 0) {
    leg_.at(known).dialog.refresh_target(response);
    return known;
  }
  if (leg_.dialogs.size() == Leg::kDialogsMax) {
    leg_.host.env.counters.add(wire::Counter::drop_sip_no_memory);
    return -1;
  }
  LegDialog early = leg_.at(0);
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
  const std::string rack = std::to_string(leg_.at(fork).rseq) + " 1 INVITE";
  const HeaderLine lines[] = {{HeaderId::kRAck, rack}};
  const ClientId id = leg_.send(
      Exchange::kPrack, fork,
      {.method = Method::kPrack, .headers = lines, .content_type = content_type, .body = body});
  if (!body.empty()) leg_.at(fork).answering = id;
  return static_cast<bool>(id);
}

bool Forks::carried_answer(ClientId prack) const {
  return std::any_of(leg_.dialogs.begin(), leg_.dialogs.end(),
                     [&](const LegDialog& in) { return in.answering == prack; });
}

void Forks::hang_up(const Message& response) {
  auto& env = leg_.host.env;
  const int known = leg_.fork_by_remote_tag(response.to_tag());
  Dialog fork = leg_.at(known < 0 ? 0 : known).dialog;
  if (!fork.confirm(response)) return;
  const Path path = leg_.way(fork);
  for (const auto& [tag, ack] : hung_up_) {
    if (tag != fork.remote_tag) continue;
    send_counted(env, path, ack);
    return;
  }
  if (hung_up_.size() == kHungUpMax) {
    env.counters.add(wire::Counter::drop_sip_no_memory);
    return;
  }
  const std::string ack_via = leg_.fresh_via(path);
  hung_up_.emplace_back(fork.remote_tag,
                        fork.build({.method = Method::kAck, .cseq = 1, .via = ack_via}));
  if (hung_up_.back().second.empty()) return;
  send_counted(env, path, hung_up_.back().second);
  const ClientId bye = leg_.host.clients.begin(Method::kBye, 0, path);
  if (!bye) return;
  const std::string via = leg_.host.clients.via(bye);
  leg_.host.clients.send(
      bye, fork.build({.method = Method::kBye, .cseq = fork.next_cseq(), .via = via}));
}

}  // namespace tandem::sip
