#include "controlplane/registrar/outbound.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "controlplane/sip/builder.h"
#include "drivers/base/log.h"
#include "drivers/base/text.h"

namespace tandem::registrar {
namespace {

using base::Nanos;
using base::Seconds;
using sip::HeaderId;
using wire::Counter;

// Nobody means more; and so nothing of ours overflows.
constexpr std::uint64_t kGrantMost = 10 * 365 * 86'400;
// What a 200 without a word of it stands for (RFC 3261 §20.10).
constexpr std::uint64_t kExpiryUnsaid = 3600;
// Of a stranger's words, in show and log.
constexpr std::size_t kReasonMost = 80;
constexpr std::uint32_t kTooBriefMost = 3;  // in one attempt
constexpr std::size_t kTurnsKept = 1024;

std::optional<std::uint64_t> seconds_in(std::string_view text) {
  return base::parse_uint(base::trim(text), UINT32_MAX);
}

// Seconds, and then a comment or parameters (§20.33).
Nanos retry_after(const sip::Message& response) {
  std::string_view text = base::trim(response.value(HeaderId::kRetryAfter));
  const auto end = std::find_if_not(text.begin(), text.end(), base::is_digit);
  text = text.substr(0, static_cast<std::size_t>(end - text.begin()));
  return Seconds{static_cast<std::int64_t>(
      base::parse_uint(text, 86'400).value_or(text.empty() ? 0 : 86'400))};
}

// What the 200 grants to our contact; where it isn't found (a registrar that has rewritten it), the
// Expires header, and without one the shortest of all.
Nanos granted_in(const sip::Message& response, std::string_view contact) {
  const auto own = sip::parse_name_addr(contact);
  std::optional<std::uint64_t> ours;
  std::optional<std::uint64_t> shortest;
  sip::each_value(response, HeaderId::kContact, [&](std::string_view value) {
    const auto other = sip::parse_name_addr(value);
    if (!other || other->star) return;
    const auto said = sip::find_param(other->params, "expires");
    const auto seconds = said ? seconds_in(*said) : std::nullopt;
    if (!seconds) return;
    if (own && sip::same_uri(own->uri, other->uri)) ours = seconds;
    shortest = std::min(shortest.value_or(*seconds), *seconds);
  });
  const auto header = seconds_in(response.value(HeaderId::kExpires));
  const std::uint64_t granted = ours ? *ours : header ? *header : shortest.value_or(kExpiryUnsaid);
  return Seconds{static_cast<std::int64_t>(std::min(granted, kGrantMost))};
}

}  // namespace

struct OutboundRegistrations::Entry {
  base::Handle self{};
  OutboundOrder order;
  std::string contact;
  std::shared_ptr<sip::DigestClient> client;
  std::string call_id;
  std::string tag;
  std::uint32_t cseq = 0;
  // Of the attempt that is under way.
  sip::ClientId request{};  // none: nothing is on its way
  sip::DigestExchange exchange{};
  std::uint32_t too_brief = 0;
  std::size_t tried = 0;  // places
  bool again = false;     // what it says has changed meanwhile
  bool queued = false;    // it waits for its turn only

  std::size_t place = 0;          // the one in use
  std::uint64_t min_expires = 0;  // that it was told of; 0: none
  OutboundState state = OutboundState::kTrying;
  int status = 0;
  std::string reason{};
  Nanos since{};
  Nanos bound_until{};  // the registrar may have it as long
  Nanos due{};          // of the timer
  // With a request: when that has failed; else the next attempt.
  loop::TimerId timer{};
  // It goes: nobody finds it any more. Who has its name next waits until it is gone: what both
  // register may be the same to the registrar.
  bool leaving = false;
  bool said_goodbye = false;  // its Expires: 0 is out
  base::Handle successor{};
  bool waits = false;  // for another one to leave
};

std::string_view state_name(OutboundState state) {
  constexpr std::string_view kNames[] = {"trying", "registered", "failed"};
  return kNames[static_cast<std::size_t>(state)];
}

bool falls_to(std::string_view name, std::uint32_t shard, std::uint32_t shards) {
  return std::hash<std::string_view>{}(name) % shards == shard;
}

OutboundRegistrations::OutboundRegistrations(const Setup& setup)
    : setup_(setup), transactions_(setup.env, *this), entries_(setup.env.limits.transactions) {}

OutboundRegistrations::~OutboundRegistrations() {
  entries_.each([this](base::Handle, Entry& entry) { setup_.env.wheel.cancel(entry.timer); });
}

// --- what the operator wants -------------------------------------------------------------------

OutboundRegistrations::Entry* OutboundRegistrations::find(const std::string& name) {
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : entries_.find(found->second);
}

void OutboundRegistrations::apply(const OutboundOrder& order) {
  const OutboundRecord& record = order.record;
  setup_.upstreams.put(order);
  if (!falls_to(record.name, setup_.env.shard, setup_.shards)) return;
  Entry* const entry = find(record.name);
  if (entry == nullptr) {
    begin(order);
    return;
  }
  const sip::Path& way = entry->order.way;
  if (record.same_binding(entry->order.record) && way.local == order.way.local &&
      way.protocol == order.way.protocol) {
    change(*entry, order);
    return;
  }
  leave(*entry);
  begin(order);
}

void OutboundRegistrations::begin(const OutboundOrder& order) {
  const auto [handle, entry] = entries_.make();
  if (entry == nullptr) {
    setup_.env.counters.add(Counter::drop_sip_no_memory);
    return;
  }
  entry->self = handle;
  entry->order = order;
  entry->contact = outbound_contact(order.record.user, order.way);
  entry->client = setup_.upstreams.find(order.record.name)->credentials;
  // Marked, so that the answer comes back to this shard (wire::shard_of_datagram).
  entry->call_id = fmt::format("s{}-{}", setup_.env.shard, setup_.env.random.token());
  entry->tag = setup_.env.random.token();
  entry->since = setup_.env.wheel.now();
  by_name_[order.record.name] = handle;
  if (const auto leaver = leavers_.find(order.record.name); leaver != leavers_.end()) {
    entries_.find(leaver->second)->successor = handle;
    entry->waits = true;
    return;
  }
  attempt(*entry);
}

// The same binding: what is different counts from the next REGISTER on, which leaves at once where
// it says something else.
void OutboundRegistrations::change(Entry& entry, const OutboundOrder& order) {
  const OutboundRecord former = std::exchange(entry.order.record, order.record);
  const OutboundRecord& record = entry.order.record;
  const bool news = former.prover() != record.prover() || former.password != record.password ||
                    former.expiry != record.expiry || former.privacy != record.privacy;
  if (former.expiry != record.expiry) entry.min_expires = 0;
  entry.order.fault = order.fault;
  const auto former_places = std::exchange(entry.order.places, order.places);
  const auto& places = entry.order.places;
  bool moved = false;
  if (former_places != places) {
    const auto kept = former_places.empty()
                          ? places.end()
                          : std::find(places.begin(), places.end(), former_places[entry.place]);
    moved = kept == places.end();
    entry.place = moved ? 0 : static_cast<std::size_t>(kept - places.begin());
  }
  if (!news && !moved) return;
  if (entry.request)
    entry.again = true;
  else if (!entry.waits)
    attempt(entry);
}

void OutboundRegistrations::remove(const std::string& name) {
  setup_.upstreams.erase(name);
  if (Entry* const entry = find(name)) leave(*entry);
}

bool OutboundRegistrations::retry(const std::string& name) {
  Entry* const entry = find(name);
  if (entry == nullptr) return false;
  if (!entry->request && !entry->waits) attempt(*entry);
  return true;
}

void OutboundRegistrations::leave(Entry& entry) {
  by_name_.erase(entry.order.record.name);
  entry.leaving = true;
  if (!entry.waits) leavers_[entry.order.record.name] = entry.self;
  // One at a time (§10.2): what is on its way is answered first.
  if (!entry.request) say_goodbye(entry);
}

void OutboundRegistrations::say_goodbye(Entry& entry) {
  const auto said = entry.order.record.send_unregister;
  const bool wanted = said.value_or(setup_.parameters.SS_SIP_USER_AGENT_SEND_UNREGISTER ==
                                    config::Parameters::SendUnregister::on);
  const bool bound = entry.bound_until > setup_.env.wheel.now();
  if (!wanted || !bound || entry.order.places.empty() || std::exchange(entry.said_goodbye, true)) {
    end(entry);
    return;
  }
  entry.exchange = {};
  send(entry);
}

void OutboundRegistrations::end(Entry& entry) {
  setup_.env.wheel.cancel(entry.timer);
  const auto leaver = leavers_.find(entry.order.record.name);
  if (leaver != leavers_.end() && leaver->second == entry.self) leavers_.erase(leaver);
  Entry* const next = entries_.find(entry.successor);
  entries_.drop(entry.self);
  if (next == nullptr) return;
  next->waits = false;
  attempt(*next);
}

void OutboundRegistrations::drain() {
  std::vector<Entry*> all;
  entries_.each([&](base::Handle, Entry& entry) {
    entry.successor = {};
    if (!entry.leaving) all.push_back(&entry);
  });
  by_name_.clear();
  const Nanos now = setup_.env.wheel.now();
  const auto count = static_cast<std::int64_t>(all.size());
  Nanos apart{};
  for (Entry* const entry : all) {
    entry->leaving = true;
    if (entry->request) continue;
    if (entry->bound_until <= now) {
      end(*entry);
      continue;
    }
    arm(*entry, now + apart);
    apart += std::min(kGap, kFarewell / count);
  }
}

// --- attempts ----------------------------------------------------------------------------------

void OutboundRegistrations::arm(Entry& entry, Nanos at) {
  auto& wheel = setup_.env.wheel;
  wheel.cancel(entry.timer);
  entry.due = at;
  entry.timer = wheel.arm(at, *this, entry.self.raw);
}

void OutboundRegistrations::on_timer(std::uint64_t word) {
  Entry* const entry = entries_.find(base::Handle{word});
  if (entry == nullptr) return;
  setup_.env.counters.add(Counter::timer_fired);
  if (entry->request) {
    transactions_.stop_retransmitting(entry->request);
    on_silence(entry->request, word, "no answer");
  } else if (entry->leaving) {
    say_goodbye(*entry);
  } else {
    attempt(*entry);
  }
}

Nanos OutboundRegistrations::turn_of(const Entry& entry) {
  const Nanos now = setup_.env.wheel.now();
  if (turns_.size() > kTurnsKept) {
    std::erase_if(turns_, [now](const auto& turn) { return turn.second <= now; });
  }
  Nanos& next = turns_[entry.order.places[entry.place].text()];
  const Nanos mine = std::max(next, now);
  next = mine + kGap * setup_.shards;
  return mine;
}

void OutboundRegistrations::attempt(Entry& entry) {
  if (!entry.order.fault.empty()) {
    fail(entry, 0, entry.order.fault);
    return;
  }
  if (entry.order.places.empty()) {
    fail(entry, 0, fmt::format("{} isn't found yet", entry.order.record.target()));
    return;
  }
  // A refresh has its own time already.
  if (!std::exchange(entry.queued, false) && entry.state != OutboundState::kRegistered) {
    const Nanos turn = turn_of(entry);
    if (turn > setup_.env.wheel.now()) {
      entry.queued = true;
      arm(entry, turn);
      return;
    }
  }
  entry.exchange = {};
  entry.too_brief = 0;
  entry.tried = 1;
  send(entry);
}

void OutboundRegistrations::send(Entry& entry) {
  entry.again = false;
  sip::Path path = entry.order.way;
  path.remote = entry.order.places[entry.place];
  const sip::ClientId id = transactions_.begin(sip::Method::kRegister, entry.self.raw, path);
  if (!id) {
    fail(entry, 0, "too many transactions");
    return;
  }
  entry.request = id;
  if (!transactions_.send(id, build(entry))) {
    entry.request = {};
    fail(entry, 0, "the REGISTER would be too long");
    return;
  }
  setup_.env.counters.add(Counter::outbound_sent);
  arm(entry, setup_.env.wheel.now() + setup_.parameters.SS_SIP_AUTHENTICATION_TIMEOUT);
}

// RFC 3261 §10.2.
std::string OutboundRegistrations::build(Entry& entry) {
  const OutboundRecord& record = entry.order.record;
  const std::string uri = "sip:" + record.server;
  sip::Builder out(sip::message_scratch());
  out.request("REGISTER", uri)
      .header(HeaderId::kVia, transactions_.via(entry.request))
      .header(HeaderId::kMaxForwards, 70)
      .pieces(HeaderId::kFrom, "<sip:", record.user, "@", record.server, ">;tag=", entry.tag)
      .pieces(HeaderId::kTo, "<sip:", record.user, "@", record.server, ">")
      .header(HeaderId::kCallId, entry.call_id)
      .pieces(HeaderId::kCSeq, std::uint64_t{++entry.cseq}, " REGISTER")
      .header(HeaderId::kContact, entry.contact);
  const auto asked = static_cast<std::uint64_t>(expiry_of(entry) / Seconds{1});
  if (entry.leaving) {
    out.header(HeaderId::kExpires, 0);
  } else if (asked != 0) {
    out.header(HeaderId::kExpires, asked);
  }
  const Privacy privacy =
      record.privacy.value_or(privacy_of(setup_.parameters.SS_SIP_USER_AGENT_PRIVACY));
  if (privacy != Privacy::kIgnore) out.header(HeaderId::kPrivacy, privacy_name(privacy));
  out.header(HeaderId::kAllow, setup_.env.allow).written(entry.client->lines("REGISTER", uri));
  return std::string(out.finish().value_or(""));
}

// 0: whatever the registrar grants by itself.
Nanos OutboundRegistrations::expiry_of(const Entry& entry) const {
  const Seconds wanted =
      entry.order.record.expiry.value_or(setup_.parameters.SS_SIP_USER_AGENT_EXPIRE);
  return std::max(wanted, Seconds{static_cast<std::int64_t>(entry.min_expires)});
}

Nanos OutboundRegistrations::delay_of(const Entry& entry) const {
  return entry.order.record.retry_delay.value_or(setup_.parameters.SS_SIP_USER_AGENT_RETRY_DELAY);
}

// --- and what becomes of them ------------------------------------------------------------------

void OutboundRegistrations::on_response(sip::ClientId id, std::uint64_t cookie,
                                        const sip::Message& response) {
  Entry* const entry = entries_.find(base::Handle{cookie});
  if (entry == nullptr || entry->request != id || response.status() < 200) return;
  entry->request = {};
  setup_.env.wheel.cancel(entry->timer);
  on_final(*entry, response);
}

void OutboundRegistrations::on_timeout(sip::ClientId id, std::uint64_t cookie) {
  on_silence(id, cookie, "no answer");
}

void OutboundRegistrations::on_failure(sip::ClientId id, std::uint64_t cookie) {
  on_silence(id, cookie, "no connection");
}

void OutboundRegistrations::on_silence(sip::ClientId id, std::uint64_t cookie,
                                       std::string_view reason) {
  Entry* const entry = entries_.find(base::Handle{cookie});
  if (entry == nullptr || entry->request != id) return;
  entry->request = {};
  fail(*entry, 0, reason, true);
}

void OutboundRegistrations::on_final(Entry& entry, const sip::Message& response) {
  const int status = response.status();
  if (entry.leaving)
    on_last(entry, response);
  else if (status < 300)
    on_success(entry, response);
  else if (status == 401 || status == 407)
    on_challenge(entry, response);
  else if (status == 423)
    on_too_brief(entry, response);
  else
    fail(entry, status, response.reason(), status == 503, retry_after(response));
}

// Of one that goes: what it said before, or its goodbye.
void OutboundRegistrations::on_last(Entry& entry, const sip::Message& response) {
  const int status = response.status();
  const bool challenged = status == 401 || status == 407;
  const bool again = challenged && entry.client->take(response, entry.exchange) ==
                                       sip::DigestClient::Verdict::kAgain;
  if (!entry.said_goodbye) {
    if (status < 300) {
      entry.bound_until = setup_.env.wheel.now() + granted_in(response, entry.contact);
    }
    say_goodbye(entry);
  } else if (again) {
    setup_.env.counters.add(Counter::outbound_challenged);
    send(entry);
  } else {
    setup_.env.counters.add(status < 300 ? Counter::outbound_taken_back : Counter::outbound_left);
    end(entry);
  }
}

void OutboundRegistrations::on_challenge(Entry& entry, const sip::Message& response) {
  switch (entry.client->take(response, entry.exchange)) {
    case sip::DigestClient::Verdict::kAgain:
      setup_.env.counters.add(Counter::outbound_challenged);
      send(entry);
      return;
    case sip::DigestClient::Verdict::kWrong:
      fail(entry, response.status(), "user or password are wrong");
      return;
    case sip::DigestClient::Verdict::kTooOften:
      fail(entry, response.status(), "challenged too often");
      return;
    case sip::DigestClient::Verdict::kImpossible:
      fail(entry, response.status(), "no challenge that we can answer");
      return;
  }
}

// §10.2.8.
void OutboundRegistrations::on_too_brief(Entry& entry, const sip::Message& response) {
  const auto least = seconds_in(response.value(HeaderId::kMinExpires));
  const auto asked = static_cast<std::uint64_t>(expiry_of(entry) / Seconds{1});
  const bool sensible = least && *least > asked && *least <= kGrantMost;
  if (!sensible || ++entry.too_brief > kTooBriefMost) {
    fail(entry, response.status(), response.reason());
    return;
  }
  entry.min_expires = *least;
  send(entry);
}

void OutboundRegistrations::on_success(Entry& entry, const sip::Message& response) {
  const Nanos now = setup_.env.wheel.now();
  const Nanos granted = granted_in(response, entry.contact);
  if (granted == Nanos{}) {
    fail(entry, response.status(), "nothing was granted");
    return;
  }
  setup_.env.counters.add(Counter::outbound_registered);
  entry.bound_until = now + granted;
  entry.status = response.status();
  entry.reason.clear();
  if (entry.state != OutboundState::kRegistered) {
    entry.state = OutboundState::kRegistered;
    entry.since = now;
    LOG(kInfo, "registrar", "{}: registered with {} for {} s", entry.order.record.name,
        entry.order.record.server, granted / Seconds{1});
  }
  tell(entry, true);
  if (entry.again) {
    attempt(entry);
    return;
  }
  // What is granted by itself is used for as long as a refresh that fails can be tried once more;
  // what we asked for, half of it.
  const Nanos half = granted / 2;
  const Nanos early =
      setup_.parameters.SS_SIP_AUTHENTICATION_TIMEOUT + delay_of(entry) + base::Seconds{10};
  const bool by_itself =
      entry.order.record.expiry.value_or(setup_.parameters.SS_SIP_USER_AGENT_EXPIRE) == Seconds{0};
  const Nanos pause = by_itself ? std::max(half, granted - early) : half;
  arm(entry, now + std::max<Nanos>(pause, kRefreshLeast));
}

void OutboundRegistrations::fail(Entry& entry, int status, std::string_view reason, bool again,
                                 Nanos wait) {
  if (entry.leaving) {
    if (entry.said_goodbye) setup_.env.counters.add(Counter::outbound_left);
    say_goodbye(entry);
    return;
  }
  setup_.env.counters.add(Counter::outbound_failed);
  if (again && entry.tried < entry.order.places.size()) {
    ++entry.tried;
    entry.place = (entry.place + 1) % entry.order.places.size();
    entry.exchange = {};
    send(entry);
    return;
  }
  const Nanos now = setup_.env.wheel.now();
  const bool news = entry.state != OutboundState::kFailed || entry.status != status;
  if (entry.state != OutboundState::kFailed) {
    entry.state = OutboundState::kFailed;
    entry.since = now;
  }
  entry.status = status;
  entry.reason = reason.substr(0, kReasonMost);
  if (news) {
    LOG(kWarning, "registrar", "{}: not registered with {}: {} {}", entry.order.record.name,
        entry.order.record.server, status, entry.reason);
  }
  // A refresh that fails for another reason than who we are leaves what was granted before.
  const bool refused = status == 401 || status == 403 || status == 407;
  if (refused || entry.bound_until <= now) tell(entry, false);
  if (entry.again && !entry.order.places.empty()) {
    entry.again = false;
    attempt(entry);
    return;
  }
  arm(entry, now + std::max(delay_of(entry), std::min<Nanos>(wait, kRetryAfterMost)));
}

void OutboundRegistrations::tell(const Entry& entry, bool registered) {
  const auto& places = entry.order.places;
  const base::Endpoint at = places.empty() ? base::Endpoint{} : places[entry.place];
  setup_.upstreams.note(entry.order.record.name, registered, at);
  if (setup_.told) setup_.told(entry.order.record.name, registered, at);
}

std::vector<OutboundStatus> OutboundRegistrations::show() {
  const Nanos now = setup_.env.wheel.now();
  std::vector<OutboundStatus> out;
  entries_.each([&](base::Handle, const Entry& entry) {
    if (entry.leaving) return;
    out.push_back({.name = entry.order.record.name,
                   .server = entry.order.record.server,
                   .contact = entry.contact,
                   .state = entry.state,
                   .status = entry.status,
                   .reason = entry.reason,
                   .since = now - entry.since,
                   .left = std::max(entry.bound_until - now, Nanos{}),
                   .until_next = entry.request ? Nanos{} : std::max(entry.due - now, Nanos{})});
  });
  return out;
}

}  // namespace tandem::registrar
