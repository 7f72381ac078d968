#include "controlplane/registrar/lockout.h"

#include <algorithm>
#include <utility>

#include "drivers/base/log.h"

namespace tandem::registrar {

using base::IpAddress;
using base::Nanos;
using wire::Counter;

namespace {

// What strangers call themselves, in a form that harms no terminal and no table.
std::string printable(std::string_view name) {
  constexpr std::size_t kShown = 64;
  std::string out(name.substr(0, kShown));
  for (char& c : out) {
    if (c <= ' ' || c > '~') c = '?';
  }
  return out;
}

std::string_view octets_of(const IpAddress& address) {
  return {reinterpret_cast<const char*>(address.bytes.data()), address.bytes.size()};
}

std::int64_t seconds(Nanos time) { return time / base::Seconds{1}; }

}  // namespace

Lockout::Rules::Rules(const config::Parameters& parameters)
    : source_failures(parameters.SS_AUTHENTICATION_MAX_RETRY),
      source_pause(parameters.SS_AUTHENTICATION_FAILED_SUSPEND),
      pair_failures(parameters.SS_ENDPOINT_REGISTER_RETRY),
      pair_pause(parameters.SS_ENDPOINT_REGISTER_SUSPEND),
      unanswered(parameters.TD_AUTHENTICATION_UNANSWERED),
      answer_within(parameters.SS_SIP_AUTHENTICATION_TIMEOUT),
      proven_for(parameters.SS_ENDPOINT_EXPIRE.high) {}

Lockout::Lockout(Setup setup)
    : setup_(std::move(setup)),
      sources_(setup_.records),
      silences_(setup_.records),
      pairs_(setup_.records),
      proven_(setup_.rules.proven_for) {}

Lockout::Key Lockout::key_of(const IpAddress& source) const { return key_of(source, {}); }

Lockout::Key Lockout::key_of(const IpAddress& source, const AccountKey& account) const {
  base::KeyedHash hash(setup_.secret);
  hash << std::uint64_t{static_cast<std::uint8_t>(source.family)} << octets_of(source);
  hash << account.low << account.high;
  return hash.digest();
}

// act(record): false when nothing of it is worth keeping.
template <typename Table, typename Act>
void Lockout::with(Table& table, const Key& key, const Turn& turn, Act&& act) {
  const auto place = table.make(
      key, turn.now, [](const Tally& old) { return old.until == Nanos{}; }, act);
  if (place == Table::Place::kReplaced) turn.counters.add(Counter::lockout_forgotten);
  if (place == Table::Place::kNone) turn.counters.add(Counter::lockout_full);
}

// --- what requests have shown ------------------------------------------------------------------

void Lockout::challenged(const IpAddress& source, const Turn& turn) {
  const Rules& rules = setup_.rules;
  if (rules.source_failures == 0 || rules.unanswered == 0) return;
  // Whoever forges the address of a phone that lives must not have it suspended.
  const Key known = key_of(source);
  if (proven_.has(known) || setup_.spared(source)) return;
  with(silences_, known, turn, [&](const Key& key, Source& record) {
    record.address = source;
    settle(key, record, turn);
    if (record.until != Nanos{}) return true;
    if (record.waiting + record.overdue == 0) {
      record.window = turn.now;
      record.answers = false;
    }
    ++record.waiting;
    const std::uint64_t outstanding = record.waiting + record.overdue;
    if (!record.answers && outstanding > rules.unanswered) {
      record.failures += outstanding;
      suspend(key, record, true, turn);
    }
    return true;
  });
}

void Lockout::answered(const IpAddress& source, const Turn& turn) {
  silences_.find(key_of(source), [&](const Key& key, Source& record) {
    if (!settle(key, record, turn)) return false;
    record.answers = true;
    if (record.overdue != 0)
      --record.overdue;
    else if (record.waiting != 0)
      --record.waiting;
    return true;
  });
}

void Lockout::failed(const IpAddress& source, const Guess& guess, const Turn& turn) {
  answered(source, turn);
  const std::uint64_t of_account = count_for_pair(source, guess, turn);
  if (of_account > share_of_account() && proven(source)) return;
  count_for_source(source, guess, turn);
}

void Lockout::count_for_source(const IpAddress& source, const Guess& guess, const Turn& turn) {
  if (setup_.rules.source_failures == 0 || setup_.spared(source)) return;
  with(sources_, key_of(source), turn, [&](const Key& key, Source& record) {
    record.address = source;
    settle(key, record, turn);
    if (record.until != Nanos{} || record.guess == guess.said) return true;
    record.guess = guess.said;
    add_failures(key, record, 1, turn.now, false, turn);
    return true;
  });
}

std::uint64_t Lockout::count_for_pair(const IpAddress& source, const Guess& guess,
                                      const Turn& turn) {
  const Rules& rules = setup_.rules;
  std::uint64_t failures = 0;
  if (rules.pair_failures == 0) return failures;
  with(pairs_, key_of(source, guess.account), turn, [&](const Key&, Pair& record) {
    settle(record, turn.now);
    failures = record.failures;
    if (record.until != Nanos{} || record.guess == guess.said) return true;
    record.address = source;
    record.guess = guess.said;
    record.failed = turn.now;
    failures = ++record.failures;
    if (record.failures < rules.pair_failures) return true;
    record.until = turn.now + rules.pair_pause;
    record.name = printable(guess.name);
    turn.counters.add(Counter::pairs_suspended);
    LOG(kWarning, "lockout", "{} is refused at {} for {} s: {} failed authentications", record.name,
        source.text(), seconds(rules.pair_pause), record.failures);
    return true;
  });
  return failures;
}

void Lockout::succeeded(const IpAddress& source, const AccountKey& account) {
  const Key key = key_of(source);
  proven_.add(key);
  const auto is_suspended = [](const Key&, const Tally& record) { return record.until != Nanos{}; };
  silences_.find(key, is_suspended);
  // Without pairs nobody knows whose failures they were.
  std::uint64_t of_account = setup_.rules.pair_failures == 0 ? UINT64_MAX : 0;
  pairs_.find(key_of(source, account), [&](const Key& pair, const Pair& record) {
    of_account = record.failures;
    return is_suspended(pair, record);
  });
  sources_.find(key, [&](const Key& address, Source& record) {
    if (is_suspended(address, record)) return true;
    record.failures -= std::min(record.failures, of_account);
    return record.failures != 0;
  });
}

// --- a record's life ---------------------------------------------------------------------------

bool Lockout::settle(const Key& key, Source& source, const Turn& turn) {
  if (source.until != Nanos{}) {
    // By another name an address may have become a gateway's.
    if (turn.now < source.until && !setup_.spared(source.address)) return true;
    release(key, source);
    const IpAddress address = source.address;
    source = {};
    source.address = address;
    source.touched = turn.now;
    return false;
  }
  roll(key, source, turn);
  if (source.until != Nanos{}) return true;
  if (source.failures != 0 && turn.now - source.failed > setup_.rules.source_pause) {
    source.failures = source.guess = 0;
  }
  return source.failures + source.waiting + source.overdue != 0;
}

bool Lockout::settle(Pair& pair, Nanos now) const {
  const bool over =
      pair.until != Nanos{} ? now >= pair.until : now - pair.failed > setup_.rules.pair_pause;
  if (!over) return true;
  pair = {};
  pair.touched = now;
  return false;
}

// Challenges of a whole window ago are answered no more: failures, at the time when that was clear.
void Lockout::roll(const Key& key, Source& source, const Turn& turn) {
  const Nanos length = setup_.rules.answer_within;
  // Somebody there has been remembered, or has registered, since they were counted.
  if (proven_.has(key)) source.waiting = source.overdue = 0;
  if (source.waiting + source.overdue == 0 || turn.now < source.window + length) return;
  const Nanos first = source.window + length;
  const std::uint64_t overdue = std::exchange(source.overdue, std::exchange(source.waiting, 0));
  source.window = first;
  add_failures(key, source, overdue, first, true, turn);
  if (source.until != Nanos{} || turn.now < first + length) return;
  add_failures(key, source, std::exchange(source.overdue, 0), first + length, true, turn);
}

void Lockout::add_failures(const Key& key, Source& source, std::uint64_t count, Nanos at,
                           bool unanswered, const Turn& turn) {
  const Rules& rules = setup_.rules;
  if (count == 0 || turn.now - at > rules.source_pause) return;
  if (at - source.failed > rules.source_pause) source.failures = 0;
  source.failures += count;
  source.failed = std::max(source.failed, at);
  if (source.failures >= rules.source_failures) suspend(key, source, unanswered, turn);
}

void Lockout::suspend(const Key& key, Source& source, bool unanswered, const Turn& turn) {
  source.until = turn.now + setup_.rules.source_pause;
  source.unanswered = unanswered;
  source.waiting = source.overdue = 0;
  crowd_of(key).fetch_add(1, std::memory_order_relaxed);
  suspended_.fetch_add(1, std::memory_order_relaxed);
  note_change(source.address);
  turn.counters.add(Counter::sources_suspended);
  LOG(kWarning, "lockout", "{} is suspended for {} s: {} {}", source.address.text(),
      seconds(setup_.rules.source_pause), source.failures,
      unanswered ? "challenges unanswered or answered wrongly" : "failed authentications");
}

void Lockout::release(const Key& key, Source& source) {
  source.until = {};
  crowd_of(key).fetch_sub(1, std::memory_order_relaxed);
  suspended_.fetch_sub(1, std::memory_order_relaxed);
  note_change(source.address);
}

void Lockout::note_change(const IpAddress& source) {
  const std::lock_guard lock(changes_door_);
  changes_.push_back(source);
  changed_.store(true, std::memory_order_relaxed);
}

// --- what follows ------------------------------------------------------------------------------

Nanos Lockout::suspended_until(const IpAddress& source, Nanos now) {
  const Key key = key_of(source);
  Nanos out{};
  if (crowd_of(key).load(std::memory_order_relaxed) == 0) return out;
  const auto look = [&](const Key&, const Source& record) {
    if (record.until > now) out = std::max(out, record.until);
    return true;
  };
  sources_.find(key, look);
  silences_.find(key, look);
  return out;
}

bool Lockout::refuses(const IpAddress& source, const AccountKey& account, Nanos now) {
  bool out = false;
  if (pairs_.used() == 0) return out;
  pairs_.find(key_of(source, account), [&](const Key&, const Pair& record) {
    out = record.until > now;
    return true;
  });
  return out;
}

void Lockout::tend(const Turn& turn) {
  proven_.turn(turn.now);
  const Nanos gap = kSweep / sources_.sets();
  // After a long turn some at once, to keep the pace.
  next_sweep_ = std::max(next_sweep_, turn.now - kSetsPerTurn * gap);
  for (; next_sweep_ < turn.now; next_sweep_ += gap) {
    const std::uint32_t set = swept_++ % sources_.sets();
    for (auto* table : {&sources_, &silences_}) {
      if (table->used() == 0) continue;
      table->each_of(set, [&](const Key& key, Source& s) { return settle(key, s, turn); });
    }
    if (pairs_.used() != 0) {
      pairs_.each_of(set, [&](const Key&, Pair& pair) { return settle(pair, turn.now); });
    }
  }
}

std::vector<IpAddress> Lockout::take_changes(std::size_t most) {
  if (!changed_.load(std::memory_order_relaxed)) return {};
  const std::lock_guard lock(changes_door_);
  const auto begin = changes_.end() - static_cast<std::ptrdiff_t>(std::min(most, changes_.size()));
  std::vector<IpAddress> out(begin, changes_.end());
  changes_.erase(begin, changes_.end());
  changed_.store(!changes_.empty(), std::memory_order_relaxed);
  return out;
}

// --- the operator's ----------------------------------------------------------------------------

void Lockout::each(Nanos now, const std::function<void(const Suspension&)>& visit) {
  for (auto* table : {&sources_, &silences_}) {
    table->each([&](const Key&, const Source& s) {
      if (s.until > now) visit({s.address, {}, s.unanswered, s.failures, s.until});
      return true;
    });
  }
  pairs_.each([&](const Key&, const Pair& p) {
    if (p.until > now) visit({p.address, p.name, false, p.failures, p.until});
    return true;
  });
}

std::uint32_t Lockout::lift(const IpAddress& source) {
  std::uint32_t lifted = 0;
  for (auto* table : {&sources_, &silences_}) {
    table->find(key_of(source), [&](const Key& key, Source& record) {
      if (record.until == Nanos{}) return false;
      release(key, record);
      ++lifted;
      return false;
    });
  }
  pairs_.each([&](const Key&, const Pair& pair) {
    if (!(pair.address == source)) return true;
    lifted += pair.until != Nanos{} ? 1 : 0;
    return false;
  });
  return lifted;
}

std::uint32_t Lockout::lift_all() {
  std::uint32_t lifted = 0;
  for (auto* table : {&sources_, &silences_}) {
    table->each([&](const Key& key, Source& record) {
      if (record.until != Nanos{}) {
        release(key, record);
        ++lifted;
      }
      return false;
    });
  }
  pairs_.each([&](const Key&, const Pair& pair) {
    lifted += pair.until != Nanos{} ? 1 : 0;
    return false;
  });
  return lifted;
}

}  // namespace tandem::registrar
