// What the shards' registrars share, put together: the accounts that the book changes and shards
// read, the bindings and their file, and this process's secrets. Made and ended by main.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "controlplane/config/site.h"
#include "controlplane/registrar/account_book.h"
#include "controlplane/registrar/binding_store.h"
#include "controlplane/registrar/registrar.h"

namespace tandem {

class Provisioning {
 public:
  // What shards may still be looking at, alive as long as somebody holds it.
  using Keep = std::shared_ptr<const registrar::AccountTable::Retired>;

  // Loads all accounts. `hold`: sees that each shard drops the Keep when it is past what it now
  // looks at; called on the book's thread.
  static base::Result<std::unique_ptr<Provisioning>> open(const config::Registrar& settings,
                                                          std::function<void(const Keep&)> hold);

  // Begins to find again who was registered, and then to keep who is. What it is given is called on
  // a thread of its own and must outlive this.
  void begin(registrar::BindingStore::Rules rules);

  const registrar::AccountTable& table() const { return table_; }
  registrar::BindingTable& bindings() { return bindings_; }
  // Somebody has registered with this account (user@realm).
  bool registered(std::string_view account);
  const registrar::Secrets& secrets() const { return secrets_; }
  // One thread's.
  registrar::AccountBook& book() { return *book_; }

 private:
  explicit Provisioning(const registrar::Secrets& secrets)
      : secrets_(secrets), table_(secrets.hash) {}

  // The thread that finds registrations again reads the accounts too, and passes no shard's inbox:
  // until it has, nothing is freed.
  void keep(const Keep& retired);
  void let_go();

  registrar::Secrets secrets_;
  registrar::AccountTable table_;
  registrar::BindingTable bindings_;
  std::unique_ptr<registrar::AccountBook> book_;
  std::mutex kept_door_;
  bool restoring_ = false;
  std::vector<Keep> kept_;
  std::unique_ptr<registrar::BindingStore> store_;  // none: its file can't be used
};

}  // namespace tandem
