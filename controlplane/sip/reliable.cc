#include "controlplane/sip/reliable.h"

#include "controlplane/sip/body.h"
#include "drivers/base/text.h"

namespace tandem::sip {
namespace {

// §3: the first RSeq is chosen between 1 and 2^31 - 1; a smaller range leaves room to count on.
constexpr std::uint32_t kFirstRSeqMax = 0x3fffffff;

std::optional<std::uint32_t> number(std::string_view text) {
  const auto value = base::parse_uint(text, 0xffffffff);
  if (!value) return std::nullopt;
  return static_cast<std::uint32_t>(*value);
}

std::string_view next_word(std::string_view& rest) {
  rest = base::trim(rest);
  return base::split_first(rest, ' ');
}

}  // namespace

std::optional<RAck> read_rack(const Message& prack) {
  auto rest = prack.value(HeaderId::kRAck);
  const auto rseq = number(next_word(rest));
  const auto cseq = number(next_word(rest));
  if (!rseq || !cseq) return std::nullopt;
  return RAck{*rseq, *cseq, method_of(base::trim(rest))};
}

std::optional<std::uint32_t> reliable_number(const Message& response) {
  if (response.status() <= 100 || response.status() >= 200) return std::nullopt;
  if (!lists_token(response, HeaderId::kRequire, kReliableOption)) return std::nullopt;
  const auto rseq = number(base::trim(response.value(HeaderId::kRSeq)));
  return rseq.value_or(0) == 0 ? std::nullopt : rseq;
}

void ReliableProvisionals::begin(ServerId invite, const Message& request) {
  invite_ = invite;
  invite_cseq_ = request.cseq().number;
  required_ = lists_token(request, HeaderId::kRequire, kReliableOption);
  supported_ = required_ || lists_token(request, HeaderId::kSupported, kReliableOption);
}

void ReliableProvisionals::send(const Provisional& response) {
  if (!waiting_) {
    send_now(response);
  } else if (queue_.size() == kQueueMax) {
    leg_.host.env.counters.add(wire::Counter::drop_sip_progress);
  } else {
    queue_.push_back({response.status, response.fork, response.reliably,
                      std::string(response.content_type), std::string(response.body),
                      std::string(response.passed)});
  }
}

void ReliableProvisionals::send_now(const Provisional& response) {
  if (response.status == 100) {  // no dialog yet
    leg_.host.servers.respond(invite_, {.status = 100});
    return;
  }
  Reply reply{.status = response.status,
              .passed = response.passed,
              .content_type = response.content_type,
              .body = response.body};
  const bool reliable = required_ || (supported_ && response.reliably);
  if (!reliable) {
    leg_.respond(invite_, response.fork, reply);
    return;
  }
  LegDialog& in = leg_.at(response.fork);
  auto& random = leg_.host.env.random;
  const auto rseq =
      in.rseq != 0 ? in.rseq + 1 : 1 + static_cast<std::uint32_t>(random.next() % kFirstRSeqMax);
  const std::string rseq_text = std::to_string(rseq);
  const HeaderLine lines[] = {{HeaderId::kRequire, kReliableOption}, {HeaderId::kRSeq, rseq_text}};
  reply.headers = lines;
  if (!leg_.respond(invite_, response.fork, reply)) return;
  in.rseq = rseq;
  const bool description = carries_sdp(response.content_type, response.body);
  if (description && in.agreement == Agreement::kTheirs) in.agreement = Agreement::kAnswered;
  if (description && in.agreement == Agreement::kNone) in.agreement = Agreement::kOurs;
  waiting_ = Waiting{response.fork, rseq, description};
  since_ = leg_.host.env.wheel.now();
  gap_ = leg_.host.env.timers.t1;
  arm();
}

void ReliableProvisionals::arm() {
  auto& wheel = leg_.host.env.wheel;
  timer_ = wheel.arm(wheel.now() + gap_, *this, 0);
}

// §3: from T1, doubling, for 64*T1.
void ReliableProvisionals::on_timer(std::uint64_t) {
  auto& env = leg_.host.env;
  env.counters.add(wire::Counter::timer_fired);
  if (env.wheel.now() - since_ >= env.timers.life()) {
    gave_up_();
    return;
  }
  leg_.host.servers.resend(invite_);
  gap_ = std::min(2 * gap_, since_ + env.timers.life() - env.wheel.now());
  arm();
}

bool ReliableProvisionals::acknowledge(int fork, const RAck& rack, bool& description) {
  const bool ours = waiting_ && waiting_->fork == fork && waiting_->rseq == rack.rseq &&
                    rack.cseq == invite_cseq_ && rack.method == Method::kInvite;
  if (!ours) return false;
  description = waiting_->description;
  leg_.host.env.wheel.cancel(timer_);
  waiting_.reset();
  LegDialog& in = leg_.at(fork);
  if (in.agreement == Agreement::kAnswered) in.agreement = Agreement::kSettled;
  return true;
}

void ReliableProvisionals::send_next() {
  while (!waiting_ && !queue_.empty()) {
    const Queued next = std::move(queue_.front());
    queue_.pop_front();
    send_now({.status = next.status,
              .fork = next.fork,
              .reliably = next.reliably,
              .content_type = next.content_type,
              .body = next.body,
              .passed = next.passed});
  }
}

void ReliableProvisionals::stop() {
  leg_.host.env.wheel.cancel(timer_);
  queue_.clear();
}

}  // namespace tandem::sip
