// What the shards' registrars share, put together: the accounts that the book changes and shards
// read, the bindings and their file, the pace of keepalives, and this process's secrets. Made and
// ended by main.
#pragma once

#include <functional>
#include <memory>

#include "controlplane/config/site.h"
#include "controlplane/loop/pacer.h"
#include "controlplane/registrar/account_book.h"
#include "controlplane/registrar/binding_store.h"
#include "controlplane/registrar/registrar.h"

namespace tandem {

class Provisioning {
 public:
  // What shards may still be looking at, alive as long as somebody holds it.
  using Keep = std::shared_ptr<const registrar::AccountTable::Retired>;

  // Loads all accounts, and begins to load who was registered. `hold`: sees that each shard drops
  // the Keep when it is past what it now looks at; called on the book's thread.
  static base::Result<std::unique_ptr<Provisioning>> open(const config::Registrar& settings,
                                                          const config::Parameters& parameters,
                                                          std::function<void(const Keep&)> hold);

  const registrar::AccountTable& table() const { return table_; }
  registrar::BindingTable& bindings() { return bindings_; }
  const registrar::Secrets& secrets() const { return secrets_; }
  loop::Pacer& keepalive_pace() { return keepalive_pace_; }
  // One thread's.
  registrar::AccountBook& book() { return *book_; }

 private:
  Provisioning(const registrar::Secrets& secrets, const config::Parameters& parameters);

  registrar::Secrets secrets_;
  registrar::AccountTable table_;
  registrar::BindingTable bindings_;
  loop::Pacer keepalive_pace_;
  std::unique_ptr<registrar::AccountBook> book_;
  std::unique_ptr<registrar::BindingStore> store_;
};

}  // namespace tandem
