// The lists of numbers that an operator keeps: in the store, and as the Screening that is published
// to the shards. Each change is on disk before it counts and before it is answered as done. Owner:
// one thread, which is that of the routes too.
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "controlplane/routing/row_import.h"
#include "controlplane/routing/screening.h"
#include "controlplane/store/database.h"

namespace tandem::routing {

// The columns of an import; "verdict" is allow or deny.
inline constexpr std::array<std::string_view, 2> kListFields = {"numbers", "verdict"};

std::optional<Verdict> verdict_named(std::string_view word);
std::string_view word(Verdict verdict);
std::optional<NumberList::Kind> kind_named(std::string_view word);
std::string_view word(NumberList::Kind kind);

// Nothing said: it stays as it is.
struct ListEdit {
  std::string name;
  std::optional<NumberList::Kind> kind{};
  std::optional<Verdict> otherwise{};
  std::vector<ListEntry> entries{};
  std::vector<std::string> removed{};  // entries, as they were written
};

class ListBook {
 public:
  static constexpr std::size_t kNameMost = 64;

  struct Setup {
    store::Database& database;
    Screenings& screenings;
    // Who refers to a list, so that it can't be removed; empty: nobody.
    std::function<std::string(std::string_view list)> user_of;
  };
  // Loads and publishes all. What the setup refers to outlives the book.
  static base::Result<std::unique_ptr<ListBook>> open(Setup setup);
  ListBook(const ListBook&) = delete;
  ListBook& operator=(const ListBook&) = delete;

  base::Result<void> add(const ListEdit& edit);  // refused when it exists
  base::Result<void> set(const ListEdit& edit);  // refused when it doesn't
  base::Result<void> remove(std::string_view name);
  // The first entries of a list.
  base::Result<std::vector<ListEntry>> entries(std::string_view name, std::size_t most);
  // Entries of a file for a list, in the place of those that it has, or beside them. It ends before
  // the book does.
  base::Result<std::unique_ptr<RowImport>> import(RowImport::Format format, bool keep_going,
                                                  const std::string& list, bool replace);

  const Screening& screening() const { return *screening_; }

 private:
  class Import;
  explicit ListBook(Setup setup) : setup_(std::move(setup)) {}

  base::Result<void> load();
  base::Result<void> change(const ListEdit& edit, const NumberList* before);
  // The list as it is from now on; those `gone` are taken out of the store and `fresh` put in.
  base::Result<void> write(const NumberList& list, const std::vector<std::string>& gone,
                           const std::vector<ListEntry>& fresh);
  void publish(Screening::Lists lists);

  Setup setup_;
  std::shared_ptr<const Screening> screening_ = std::make_shared<const Screening>();
};

}  // namespace tandem::routing
