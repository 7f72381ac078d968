#include "controlplane/sip/session_refresh.h"

#include <utility>

#include "controlplane/sip/offer_answer.h"

namespace tandem::sip {
namespace {

using wire::Counter;

// A refresh that meets an exchange which is under way looks again so much later; that exchange is
// as good as a refresh when it succeeds.
constexpr Nanos kBusyPause = base::Seconds{1};

}  // namespace

bool SessionRefresh::configure(const SessionTimerSettings& settings, const Message& invite) {
  configure(settings);
  first_ = read_timer(invite);
  return !timer_.refuses(first_);
}

void SessionRefresh::stop() {
  timer_.stop();
  leg_.host.env.wheel.cancel(clock_);
}

std::string SessionRefresh::answer(const TimerWords& words) {
  if (!up()) return {};
  std::string lines = timer_.answer(words, leg_.host.env.wheel.now());
  arm();
  return lines;
}

void SessionRefresh::answered(const Message& response) {
  if (!up()) return;
  timer_.answered(read_timer(response), leg_.host.env.wheel.now());
  arm();
}

bool SessionRefresh::refuse(ServerId id, int fork, const TimerWords& words) {
  if (!up() || !timer_.refuses(words)) return false;
  const std::string least = timer_.min_se();
  const HeaderLine lines[] = {{HeaderId::kMinSe, least}};
  leg_.refuse(id, fork, 422, lines);
  leg_.host.env.counters.add(Counter::session_intervals_refused);
  return true;
}

void SessionRefresh::arm() {
  auto& wheel = leg_.host.env.wheel;
  wheel.cancel(clock_);
  if (const auto at = timer_.next()) clock_ = wheel.arm(*at, *this, 0);
}

void SessionRefresh::on_timer(std::uint64_t) {
  leg_.host.env.counters.add(Counter::timer_fired);
  switch (timer_.due(leg_.host.env.wheel.now())) {
    case SessionTimer::Due::kNothing:
      break;
    case SessionTimer::Due::kRefresh:
      refresh();
      break;
    case SessionTimer::Due::kExpired:
      expire(0);
      return;
  }
  arm();
}

// --- ours --------------------------------------------------------------------------------------

// An UPDATE is no offer: it meets no offer of the peer's on its way (RFC 3311 §5.1). A re-INVITE
// says what the peer was told last, under the same version, which changes nothing (RFC 3264 §8).
void SessionRefresh::refresh() {
  const Nanos now = leg_.host.env.wheel.now();
  timer_.put_off(now + kBusyPause);
  if (leg_.state != SessionState::kConfirmed || update_ || offers_.busy()) return;
  bool sent = false;
  if (leg_.at(leg_.fork).allows_update) {
    sent = send_update();
  } else if (leg_.listener != nullptr) {
    const std::string told = leg_.listener->description(leg_.number);
    sent = !told.empty() && offers_.refresh(told);
  }
  if (!sent) return;
  timer_.sent(now);
  leg_.host.env.counters.add(Counter::session_refreshes);
}

bool SessionRefresh::send_update() {
  const std::string own_contact = leg_.contact(leg_.fork);
  const std::string timer = timer_.ask();
  const HeaderLine lines[] = {{HeaderId::kAllow, leg_.host.env.allow},
                              {HeaderId::kSupported, leg_.host.env.supported}};
  update_ = leg_.send(
      Exchange::kRefresh, leg_.fork,
      {.method = Method::kUpdate, .contact = own_contact, .headers = lines, .passed = timer});
  return static_cast<bool>(update_);
}

void SessionRefresh::on_response(ClientId update, const Message& response) {
  const int status = response.status();
  if (status < 200 || update_ != update) return;
  update_ = {};
  if (!up()) return;
  if (status >= 300) {
    refused(status, &response);
    return;
  }
  leg_.at(leg_.fork).dialog.refresh_target(response);
  leg_.note_allow(leg_.fork, response);
  answered(response);
}

void SessionRefresh::on_timeout(ClientId update) {
  if (update_ != update) return;
  update_ = {};
  refused(408, nullptr);
}

// §10. What isn't listed waits for the next segment, as silence does.
void SessionRefresh::refused(int status, const Message* response) {
  if (!up() || !running()) return;
  const Nanos now = leg_.host.env.wheel.now();
  if (response != nullptr && (status == 408 || status == 481)) {
    expire(status);
    return;
  }
  if (status == 491) timer_.put_off(now + leg_.glare_pause());
  if (status == 422 && response != nullptr && raise(*response)) timer_.put_off(now);
  bool& allows_update = leg_.at(leg_.fork).allows_update;
  if ((status == 405 || status == 501) && std::exchange(allows_update, false)) {
    timer_.put_off(now);  // it says that it takes UPDATE, and doesn't
  }
  arm();
}

void SessionRefresh::expire(int status) {
  stop();
  leg_.host.env.counters.add(Counter::sessions_expired);
  if (leg_.listener != nullptr) leg_.listener->on_expired(leg_.number, status);
}

}  // namespace tandem::sip
