#include "controlplane/sip/offer_answer.h"

#include <utility>

#include "controlplane/sdp/sdp.h"

namespace tandem::sip {
namespace {

// ACKs of so many re-INVITEs are kept for repeating.
constexpr std::size_t kAcksMax = 4;
// A party may be asked before it agrees (§14.1), but not for ever: so long everything else gets
// 491.
constexpr Nanos kPatience = base::Seconds{60};
// RFC 3311 §5.2: Retry-After between 0 and 10 seconds.
constexpr std::uint64_t kRetryAfterMax = 10;

}  // namespace

OfferAnswer::OfferAnswer(Leg& leg, SessionRefresh& timer, std::function<void()> lost)
    : leg_(leg), timer_(timer), repeater_(leg.host.env, leg.host.servers, std::move(lost)) {}

OfferAnswer::~OfferAnswer() { leg_.host.env.wheel.cancel(patience_); }

// --- the peer's --------------------------------------------------------------------------------

// What a request that makes an offer is refused with; 0: it is taken (RFC 3261 §14.2, RFC 3311
// §5.2).
int OfferAnswer::refusal(int fork, Method method) const {
  using State = SessionState;
  if (leg_.listener == nullptr || leg_.state == State::kEnding || leg_.state == State::kOver) {
    return 481;
  }
  if (ours_) return 491;
  if (theirs_) return 500;
  if (method == Method::kInvite) {
    if (leg_.state == State::kIncoming) return 500;
    return leg_.state == State::kConfirmed ? 0 : 491;
  }
  switch (leg_.at(fork).agreement) {
    case Agreement::kTheirs:
      return 500;
    case Agreement::kNone:
    case Agreement::kOurs:
      return 491;
    case Agreement::kAnswered:
    case Agreement::kSettled:
      return 0;
  }
  return 0;
}

// When to ask again after a 500 is for who said it to tell; only else is it ours.
void OfferAnswer::refuse(ServerId id, int fork, int status, const Message* passed) {
  const bool told = passed != nullptr && passed->find(HeaderId::kRetryAfter) != nullptr;
  const std::string pause = std::to_string(leg_.host.env.random.next() % (kRetryAfterMax + 1));
  const HeaderLine lines[] = {{HeaderId::kRetryAfter, pause}};
  leg_.refuse(id, fork, status, std::span(lines, status == 500 && !told ? 1 : 0), passed);
}

void OfferAnswer::on_request(ServerId id, int fork, const Message& request) {
  const Method method = request.method();
  if (const int status = refusal(fork, method)) {
    refuse(id, fork, status, nullptr);
    return;
  }
  const TimerWords timer = method == Method::kPrack ? TimerWords{} : read_timer(request);
  if (timer_.refuse(id, fork, timer)) return;
  theirs_ = Theirs{id, method, fork, request.cseq().number, timer, false};
  if (method == Method::kInvite) {
    leg_.host.servers.respond(id, {.status = 100});
    leg_.host.servers.tie(id, leg_.id.handle.raw);  // for its CANCEL
  }
  if (method != Method::kPrack) leg_.at(fork).dialog.refresh_target(request);
  leg_.listener->on_offer(leg_.number, fork, request);
}

void OfferAnswer::answer(int status, std::string_view content_type, std::string_view body,
                         std::string_view passed) {
  if (status >= 300) {
    refuse(status, nullptr);
    return;
  }
  if (!theirs_ || theirs_->answered) return;
  std::string lines(passed);
  if (theirs_->method != Method::kPrack) lines += timer_.answer(theirs_->timer);
  const bool sent =
      leg_.respond(theirs_->request, theirs_->fork,
                   {.status = status, .passed = lines, .content_type = content_type, .body = body});
  if (sent && theirs_->method == Method::kInvite) {
    theirs_->answered = true;
    repeater_.start(theirs_->request);
  } else {
    theirs_.reset();
  }
}

void OfferAnswer::refuse(int status, const Message* passed) {
  if (!theirs_ || theirs_->answered) return;
  const Theirs theirs = *std::exchange(theirs_, std::nullopt);
  refuse(theirs.request, theirs.fork, status, passed);
}

bool OfferAnswer::on_ack(const Message& ack) {
  if (!theirs_ || !theirs_->answered || ack.cseq().number != theirs_->cseq) return false;
  repeater_.stop();
  theirs_.reset();
  if (leg_.listener != nullptr) leg_.listener->on_offer_acked(leg_.number, ack);
  return true;
}

// §9.2. What we asked the other party meanwhile decides how it ends.
void OfferAnswer::on_cancel(ServerId invite) {
  if (!theirs_ || theirs_->answered || theirs_->request != invite) return;
  if (leg_.listener != nullptr) leg_.listener->on_offer_cancelled(leg_.number);
}

// --- ours --------------------------------------------------------------------------------------

bool OfferAnswer::reinvite(std::string_view content_type, std::string_view body,
                           std::string_view passed) {
  if (leg_.state != SessionState::kConfirmed) return false;
  if (!begin(Exchange::kReinvite, leg_.fork, Method::kInvite, content_type, body, passed))
    return false;
  ++reinvites_live_;
  auto& wheel = leg_.host.env.wheel;
  patience_ = wheel.arm(wheel.now() + kPatience, *this, 0);
  return true;
}

bool OfferAnswer::refresh(std::string_view description) {
  if (!reinvite(sdp::kContentType, description, {})) return false;
  ours_->refreshes = true;
  return true;
}

bool OfferAnswer::update(int fork, std::string_view content_type, std::string_view body,
                         std::string_view passed) {
  const LegDialog& in = leg_.at(fork);
  const bool ready = leg_.state == SessionState::kConfirmed || leg_.early();
  if (!ready || in.over || in.agreement != Agreement::kSettled) return false;
  return begin(Exchange::kUpdate, fork, Method::kUpdate, content_type, body, passed);
}

bool OfferAnswer::begin(Exchange exchange, int fork, Method method, std::string_view content_type,
                        std::string_view body, std::string_view passed) {
  if (ours_ || theirs_) return false;
  const std::string own_contact = leg_.contact(fork);
  const HeaderLine lines[] = {{HeaderId::kAllow, leg_.host.env.allow},
                              {HeaderId::kSupported, leg_.host.env.supported}};
  const std::string timer = timer_.ask();
  const std::string all = std::string(passed) + timer;
  const ClientId id = leg_.send(exchange, fork,
                                {.method = method,
                                 .contact = own_contact,
                                 .headers = std::span(lines, timer.empty() ? 1 : 2),
                                 .passed = all,
                                 .content_type = content_type,
                                 .body = body});
  if (!id) return false;
  ours_ = Ours{id, method, fork, leg_.at(fork).dialog.local_cseq, body.empty(), false};
  return true;
}

void OfferAnswer::cancel() {
  if (ours_ && !ours_->answered && ours_->method == Method::kInvite) {
    leg_.host.clients.cancel(ours_->request);
  }
}

void OfferAnswer::on_timer(std::uint64_t) {
  leg_.host.env.counters.add(wire::Counter::timer_fired);
  cancel();
}

void OfferAnswer::on_response(Exchange exchange, ClientId id, const Message& response) {
  const int status = response.status();
  if (status < 200) return;
  if (!ours_ || ours_->request != id || ours_->answered) {
    if (exchange == Exchange::kReinvite && status < 300) repeat_ack(response);
    return;
  }
  leg_.host.env.wheel.cancel(patience_);
  if (status >= 300) {
    refused(status, response);
    return;
  }
  leg_.at(ours_->fork).dialog.refresh_target(response);
  leg_.note_allow(ours_->fork, response);
  timer_.answered(response);
  if (ours_->refreshes) {
    refresh_answered(response);
    return;
  }
  if (exchange == Exchange::kUpdate) {
    ours_.reset();
  } else {
    ours_->answered = true;
    if (!ours_->asks_for_offer || leg_.listener == nullptr) send_ack({}, {});
  }
  if (leg_.listener != nullptr) leg_.listener->on_offer_answered(leg_.number, response);
}

void OfferAnswer::refused(int status, const Message& response) {
  const bool refreshes = std::exchange(ours_, std::nullopt)->refreshes;
  if (refreshes) {
    timer_.refused(status, &response);
  } else if (leg_.listener == nullptr) {
    return;
  } else if (status == 422 && timer_.raise(response)) {
    leg_.listener->on_offer_refused(leg_.number, 491, nullptr);  // the next one asks for more
  } else {
    leg_.listener->on_offer_refused(leg_.number, status, &response);
  }
}

void OfferAnswer::refresh_answered(const Message& response) {
  send_ack({}, {});
  if (leg_.listener != nullptr) leg_.listener->on_refreshed(leg_.number, response);
}

void OfferAnswer::repeat_ack(const Message& response) {
  for (const auto& [cseq, ack] : acks_) {
    if (cseq == response.cseq().number && !ack.empty()) {
      send_counted(leg_.host.env, leg_.way(), ack);
    }
  }
}

void OfferAnswer::on_timeout(Exchange, ClientId id) {
  if (!ours_ || ours_->request != id || ours_->answered) return;
  const bool refreshes = ours_->refreshes;
  end_ours();
  if (refreshes)
    timer_.refused(408, nullptr);
  else if (leg_.listener != nullptr)
    leg_.listener->on_offer_refused(leg_.number, 408, nullptr);
}

void OfferAnswer::on_client_end(Exchange exchange) {
  if (exchange == Exchange::kReinvite) --reinvites_live_;
}

void OfferAnswer::ack(std::string_view content_type, std::string_view body) {
  if (ours_ && ours_->answered) send_ack(content_type, body);
}

void OfferAnswer::send_ack(std::string_view content_type, std::string_view body) {
  if (acks_.size() == kAcksMax) acks_.erase(acks_.begin());
  acks_.emplace_back(ours_->cseq, leg_.send_ack(ours_->cseq, content_type, body));
  end_ours();
}

void OfferAnswer::end_ours() {
  leg_.host.env.wheel.cancel(patience_);
  ours_.reset();
}

// --- the end -----------------------------------------------------------------------------------

void OfferAnswer::confirmed(int fork) {
  for (int other = 0; other < static_cast<int>(leg_.dialogs.size()); ++other) {
    if (other != fork) abandon_fork(other);
  }
}

void OfferAnswer::abandon_fork(int fork) {
  if (theirs_ && theirs_->fork == fork) {
    leg_.refuse(theirs_->request, fork, 487);
    theirs_.reset();
  }
  if (ours_ && ours_->fork == fork) {
    const bool refreshes = ours_->refreshes;
    end_ours();
    if (!refreshes && leg_.listener != nullptr) {
      leg_.listener->on_offer_refused(leg_.number, 487, nullptr);
    }
  }
}

// §15.1.2: requests that wait get their 487. A 2xx to ours that still comes is acknowledged.
void OfferAnswer::abandon() {
  repeater_.stop();
  if (theirs_ && !theirs_->answered) leg_.refuse(theirs_->request, theirs_->fork, 487);
  theirs_.reset();
  if (ours_ && ours_->answered) send_ack({}, {});
  leg_.host.env.wheel.cancel(patience_);
}

}  // namespace tandem::sip
