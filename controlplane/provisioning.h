// The accounts put together: the table that shards read, and the book that changes it. Made and
// ended by main.
#pragma once

#include <functional>
#include <memory>

#include "controlplane/config/site.h"
#include "controlplane/registrar/account_book.h"

namespace tandem {

class Provisioning {
 public:
  // What shards may still be looking at, alive as long as somebody holds it.
  using Keep = std::shared_ptr<const registrar::AccountTable::Retired>;

  // Loads all accounts. `hold`: sees that each shard drops the Keep when it is past what it now
  // looks at; called on the book's thread.
  static base::Result<std::unique_ptr<Provisioning>> open(const config::Registrar& settings,
                                                          std::function<void(const Keep&)> hold);

  const registrar::AccountTable& table() const { return table_; }
  // One thread's.
  registrar::AccountBook& book() { return *book_; }

 private:
  explicit Provisioning(const base::KeyedHash::Key& secret) : table_(secret) {}

  registrar::AccountTable table_;
  std::unique_ptr<registrar::AccountBook> book_;
};

}  // namespace tandem
