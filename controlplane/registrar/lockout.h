// Who has failed to prove a password too often, and is suspended for a while: an address (its
// signalling is dropped, in the dataplane where it can be), or an account at one address (REGISTERs
// for it, and its credentials, are refused there; elsewhere it works). Behaviour:
// SS_AUTHENTICATION_…, SS_ENDPOINT_REGISTER_….
//
// Shared by all shards; any thread, each call locks for a moment. Memory is taken once (about
// 20 MiB): who finds no room displaces whoever was quiet longest and isn't suspended. Nothing
// survives the process: a restart forgives.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "controlplane/config/parameters.h"
#include "controlplane/registrar/account_table.h"
#include "controlplane/registrar/bounded_table.h"
#include "controlplane/registrar/proven_sources.h"
#include "drivers/base/endpoint.h"
#include "drivers/wire/counters.h"

namespace tandem::registrar {

class Lockout {
 public:
  // The whole of it is looked through for what has run out in this time.
  static constexpr base::Nanos kSweep = base::Seconds{2};
  static constexpr std::uint32_t kSetsPerTurn = 64;

  struct Rules {
    Rules(const config::Parameters& parameters);  // NOLINT implicit on purpose

    std::uint64_t source_failures;  // before an address is suspended; 0: never
    base::Nanos source_pause;       // how long; so long ago, failures are forgotten
    std::uint64_t pair_failures;    // the same of an account from one address
    base::Nanos pair_pause;
    std::uint64_t unanswered;   // challenges at a time; 0: they are no failures
    base::Nanos answer_within;  // a challenge
    base::Nanos proven_for;     // an address where a password was proven is spared for its silence
  };
  struct Setup {
    Rules rules;
    base::KeyedHash::Key secret;
    // Never suspended as addresses: gateways, whose calls would die. Any thread.
    std::function<bool(const base::IpAddress&)> spared;
    std::uint32_t records = 65'536;  // addresses, and as many pairs
  };
  explicit Lockout(Setup setup);

  // When something happens, and where it is counted: the caller's.
  struct Turn {
    base::Nanos now;
    wire::CounterBlock& counters;
  };

  // --- what requests have shown ---

  // Asked for its password. Who never answers is a scanner.
  void challenged(const base::IpAddress& source, const Turn& turn);
  // It has answered with a nonce that was given to it, too late to be good.
  void answered(const base::IpAddress& source, const Turn& turn);
  // What it has answered so.
  struct Guess {
    const AccountKey& account;  // there or not
    std::string_view name;      // of it, for people
    std::uint64_t said;         // stands for the words: said again, it is no other failure
  };
  // With a wrong password, or for an account that isn't there.
  void failed(const base::IpAddress& source, const Guess& guess, const Turn& turn);
  // In a former life of the process somebody has proven a password there.
  void remember(const base::Endpoint& source) { proven_.add(key_of(source.address)); }
  // It has proven the account's password: that account's failures are forgotten.
  void succeeded(const base::IpAddress& source, const AccountKey& account);

  // --- what follows ---

  bool suspended(const base::IpAddress& source, base::Nanos now) {
    return suspended_.load(std::memory_order_relaxed) != 0 &&
           suspended_until(source, now) != base::Nanos{};
  }
  base::Nanos suspended_until(const base::IpAddress& source, base::Nanos now);  // 0: it isn't
  // Whether the account is refused there.
  bool refuses(const base::IpAddress& source, const AccountKey& account, base::Nanos now);
  // Somebody has proven a password there lately.
  bool proven(const base::IpAddress& source) const { return proven_.has(key_of(source)); }

  // The first shard's, once a turn: ends what is over, counts challenges that nobody answered.
  void tend(const Turn& turn);
  // Addresses whose suspension has begun or ended since they were told of last, for whoever sees
  // that their datagrams are dropped; at most `most` of them. One that is named twice is as
  // suspended_until() says.
  std::vector<base::IpAddress> take_changes(std::size_t most);

  // --- the operator's ---

  struct Suspension {
    base::IpAddress source;
    std::string account;  // empty: the address as a whole
    bool unanswered;      // for challenges without an answer; else for wrong passwords
    std::uint64_t failures;
    base::Nanos until;
  };
  void each(base::Nanos now, const std::function<void(const Suspension&)>& visit);
  // Forgives an address and all accounts from there; returns how many suspensions that ends.
  std::uint32_t lift(const base::IpAddress& source);
  std::uint32_t lift_all();

 private:
  using Key = base::KeyedHash::Digest;

  struct Tally {  // of failures
    base::Nanos touched{};
    std::uint64_t failures = 0;
    std::uint64_t guess = 0;  // the last one's words
    base::Nanos failed{};     // when
    base::Nanos until{};      // suspended; 0: it isn't
  };
  struct Source : Tally {
    base::IpAddress address{};
    bool unanswered = false;  // why it is suspended
    bool answers = false;     // some of the challenges below were answered
    // Unanswered challenges of the present window (answer_within long), and of the one before.
    std::uint64_t waiting = 0;
    std::uint64_t overdue = 0;
    base::Nanos window{};  // when the present one began
  };
  struct Pair : Tally {
    base::IpAddress address{};
    std::string name{};
  };

  void count_for_source(const base::IpAddress& source, const Guess& guess, const Turn& turn);
  // How many failures of the pair there are now.
  std::uint64_t count_for_pair(const base::IpAddress& source, const Guess& guess, const Turn& turn);
  // So many of one account's failures count for an address where others have proven theirs: a phone
  // with a wrong password loses itself, not the site.
  std::uint64_t share_of_account() const { return (setup_.rules.source_failures + 1) / 2; }
  Key key_of(const base::IpAddress& source) const;
  Key key_of(const base::IpAddress& source, const AccountKey& account) const;
  // Brings a record up to the present; false: nothing is left of it.
  bool settle(const Key& key, Source& source, const Turn& turn);
  bool settle(Pair& pair, base::Nanos now) const;
  void roll(const Key& key, Source& source, const Turn& turn);
  void add_failures(const Key& key, Source& source, std::uint64_t count, base::Nanos at,
                    bool unanswered, const Turn& turn);
  void suspend(const Key& key, Source& source, bool unanswered, const Turn& turn);
  void release(const Key& key, Source& source);
  void note_change(const base::IpAddress& source);
  template <typename Table, typename Act>
  void with(Table& table, const Key& key, const Turn& turn, Act&& act);
  std::atomic<std::uint32_t>& crowd_of(const Key& key) { return crowds_[key.high % kCrowds]; }

  // How many suspended addresses there are, by a part of their keys: most others are told from them
  // without a lock.
  static constexpr std::size_t kCrowds = 16'384;

  Setup setup_;
  // Silence can be forged for any address, a wrong answer to our challenge only where that went: it
  // has a table of its own, so that no forged one takes a guesser's place.
  BoundedTable<Source> sources_;
  BoundedTable<Source> silences_;
  BoundedTable<Pair> pairs_;
  ProvenSources proven_;
  std::array<std::atomic<std::uint32_t>, kCrowds> crowds_{};
  std::atomic<std::uint32_t> suspended_{0};
  std::mutex changes_door_;
  std::vector<base::IpAddress> changes_;
  std::atomic<bool> changed_{false};
  base::Nanos next_sweep_{};  // tend()'s
  std::uint32_t swept_ = 0;
};

}  // namespace tandem::registrar
