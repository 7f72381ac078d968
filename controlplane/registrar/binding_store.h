// The bindings on disk, so that a new life of this process finds them again: written behind what
// phones do, in batches, by a thread of its own; a kill loses what came in the last half second. In
// a file of its own, beside the accounts': an import that takes a minute must not hold it up.
//
// Times stand in it as of the wall clock. Contacts that came by TCP or TLS are found again, but not
// their connections: such a phone counts as silent until it registers.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "controlplane/registrar/binding_table.h"
#include "controlplane/store/database.h"
#include "drivers/base/random.h"

namespace tandem::registrar {

class BindingStore {
 public:
  static constexpr base::Millis kWriteEvery{500};
  // Bindings whose write failed wait, and are tried again with what came meanwhile.
  static constexpr base::Seconds kRetryAfter{5};
  // In one transaction, at most.
  static constexpr std::size_t kRowsAtOnce = 4096;

  // Makes the file when it isn't there.
  static base::Result<std::unique_ptr<BindingStore>> open(const std::string& path,
                                                          base::Random& random);
  ~BindingStore() { stop(); }

  // What stood for Call-IDs and instances in the bindings of a former life stands for them in this
  // one too.
  const base::KeyedHash::Key& hash() const { return hash_; }

  // What is restored, and who hears of it.
  struct Rules {
    base::Seconds longest{86'400};  // no registration lasts longer from now on
    // An address of ours; one that isn't any more leads nowhere. Not set: all are.
    std::function<bool(const base::Endpoint& local)> ours{};
    // Called for each, and for those that ran out no more than `longest` ago.
    std::function<void(const sip::Binding&)> found{};
    std::function<void()> done{};  // nothing more is looked up in the accounts
  };
  // Begins to restore, and then to write. The tables outlive this, or stop().
  void start(BindingTable& table, const AccountTable& accounts, Rules rules);
  // All that has changed until now is written when it returns.
  void stop();
  // The two halves of the thread's work, for tests. `now` and `wall_ms`: the same instant.
  struct Restored {
    std::uint32_t bindings = 0;
    std::uint32_t refused = 0;  // run out, of accounts that are gone, or unreadable
  };
  base::Result<Restored> restore(BindingTable& table, const AccountTable& accounts,
                                 const Rules& rules, base::Nanos now, std::int64_t wall_ms);
  base::Result<std::uint32_t> write_changes(BindingTable& table, base::Nanos now,
                                            std::int64_t wall_ms);

 private:
  struct Row {
    std::string account;
    std::vector<sip::Binding> bindings;
  };

  BindingStore(store::Database database, store::Statement insert, store::Statement erase);
  base::Result<void> read_hash(base::Random& random);
  base::Result<void> write(const Row& row, base::Nanos now, std::int64_t wall_ms);
  base::Result<std::uint32_t> write_unwritten(base::Nanos now, std::int64_t wall_ms);
  base::Result<void> purge(std::int64_t wall_ms);
  void restore_all(BindingTable& table, const AccountTable& accounts, const Rules& rules);
  void live(BindingTable& table, const AccountTable& accounts, const Rules& rules);

  store::Database database_;
  store::Statement insert_;
  store::Statement erase_;
  base::KeyedHash::Key hash_;
  std::deque<Row> unwritten_;  // taken from the table, but their write failed
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace tandem::registrar
