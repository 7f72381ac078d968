#include "controlplane/routing/list_book.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "drivers/base/text.h"

namespace tandem::routing {
namespace {

using Entries = std::map<std::string, Verdict>;

std::vector<ListEntry> listed(const Entries& entries) {
  std::vector<ListEntry> out;
  out.reserve(entries.size());
  for (const auto& [numbers, verdict] : entries) out.push_back({numbers, verdict});
  return out;
}

// Without blanks, so that one writing has one entry.
std::string plain(std::string_view numbers) {
  std::string out(numbers);
  std::erase_if(out, base::is_space);
  return out;
}

base::Result<void> check_name(std::string_view name) {
  const auto fits = [](char c) {
    const char lower = base::to_lower(c);
    return base::is_digit(c) || (lower >= 'a' && lower <= 'z') || c == '-' || c == '_' || c == '.';
  };
  if (!name.empty() && name.size() <= ListBook::kNameMost &&
      std::all_of(name.begin(), name.end(), fits)) {
    return {};
  }
  return base::error(
      fmt::format("a list's name is 1..{} letters, digits and - _ .", ListBook::kNameMost));
}

base::Error no_list(std::string_view name) {
  return base::error(fmt::format("there is no list \"{}\"", name));
}

base::Result<Entries> read_entries(store::Database& database, std::string_view list,
                                   std::size_t most = INT64_MAX) {
  auto rows = database.prepare(
      "SELECT numbers, verdict FROM number_list_entry WHERE list = ? ORDER BY numbers LIMIT ?");
  if (!rows) return std::move(rows).take_error();
  rows->bind(1, list).bind(2, static_cast<std::int64_t>(most));
  Entries out;
  for (;;) {
    auto row = rows->step();
    if (!row) return std::move(row).take_error();
    if (!*row) return out;
    out[std::string(rows->text(0))] = rows->integer(1) == 0 ? Verdict::kAllow : Verdict::kDeny;
  }
}

}  // namespace

std::optional<Verdict> verdict_named(std::string_view word) {
  if (base::iequals(word, "allow")) return Verdict::kAllow;
  if (base::iequals(word, "deny")) return Verdict::kDeny;
  return std::nullopt;
}

std::string_view word(Verdict verdict) { return verdict == Verdict::kAllow ? "allow" : "deny"; }

std::optional<NumberList::Kind> kind_named(std::string_view word) {
  if (base::iequals(word, "caller")) return NumberList::Kind::kCaller;
  if (base::iequals(word, "callee")) return NumberList::Kind::kCallee;
  return std::nullopt;
}

std::string_view word(NumberList::Kind kind) {
  return kind == NumberList::Kind::kCaller ? "caller" : "callee";
}

base::Result<std::unique_ptr<ListBook>> ListBook::open(Setup setup) {
  std::unique_ptr<ListBook> book(new ListBook(std::move(setup)));
  if (auto loaded = book->load(); !loaded) return std::move(loaded).take_error();
  return book;
}

base::Result<void> ListBook::load() {
  auto rows = setup_.database.prepare("SELECT name, kind, otherwise FROM number_list");
  if (!rows) return std::move(rows).take_error();
  Screening::Lists lists;
  for (;;) {
    auto row = rows->step();
    if (!row) return std::move(row).take_error();
    if (!*row) break;
    const std::string name(rows->text(0));
    const auto entries = read_entries(setup_.database, name);
    if (!entries) return base::error(entries.error_text());
    const auto all = listed(*entries);
    const bool good = std::all_of(
        all.begin(), all.end(), [](const ListEntry& one) { return prefixes_of(one.numbers).ok(); });
    if (!good || !contradictions(all).empty()) {
      return base::error(
          fmt::format("database {}: the list {} is damaged", setup_.database.path(), name));
    }
    lists[name] = std::make_shared<const NumberList>(
        name, rows->integer(1) == 0 ? NumberList::Kind::kCaller : NumberList::Kind::kCallee,
        rows->integer(2) == 0 ? Verdict::kAllow : Verdict::kDeny, all);
  }
  setup_.database.give_back();
  publish(std::move(lists));
  return {};
}

void ListBook::publish(Screening::Lists lists) {
  screening_ = std::make_shared<const Screening>(std::move(lists));
  setup_.screenings.publish(screening_);
}

base::Result<void> ListBook::write(const NumberList& list, const std::vector<std::string>& gone,
                                   const std::vector<ListEntry>& fresh) {
  store::Database& database = setup_.database;
  auto head = database.prepare("INSERT OR REPLACE INTO number_list VALUES (?, ?, ?)");
  if (!head) return std::move(head).take_error();
  auto put = database.prepare("INSERT OR REPLACE INTO number_list_entry VALUES (?, ?, ?)");
  if (!put) return std::move(put).take_error();
  auto erase = database.prepare("DELETE FROM number_list_entry WHERE list = ? AND numbers = ?");
  if (!erase) return std::move(erase).take_error();
  auto transaction = store::Transaction::begin(database);
  if (!transaction) return std::move(transaction).take_error();
  auto done = head->bind(1, list.name())
                  .bind(2, static_cast<std::int64_t>(list.kind()))
                  .bind(3, static_cast<std::int64_t>(list.otherwise()))
                  .run();
  if (!done) return done;
  for (const std::string& numbers : gone) {
    if (done = erase->bind(1, list.name()).bind(2, numbers).run(); !done) return done;
  }
  for (const ListEntry& entry : fresh) {
    done = put->bind(1, list.name())
               .bind(2, entry.numbers)
               .bind(3, static_cast<std::int64_t>(entry.verdict))
               .run();
    if (!done) return done;
  }
  return transaction->commit();
}

base::Result<void> ListBook::change(const ListEdit& edit, const NumberList* before) {
  auto entries = read_entries(setup_.database, edit.name);
  if (!entries) return std::move(entries).take_error();
  std::vector<std::string> gone;
  std::vector<ListEntry> fresh;
  Entries said;
  for (const std::string& written : edit.removed) {
    gone.push_back(plain(written));
    if (entries->erase(gone.back()) == 0) {
      return base::error(fmt::format("\"{}\" isn't in the list", written));
    }
  }
  for (const ListEntry& entry : edit.entries) {
    fresh.push_back({plain(entry.numbers), entry.verdict});
    const std::string& numbers = fresh.back().numbers;
    if (const auto good = prefixes_of(numbers); !good) return base::error(good.error_text());
    if (said.emplace(numbers, entry.verdict).first->second != entry.verdict) {
      return base::error(fmt::format("\"{}\" is both allowed and denied", numbers));
    }
    (*entries)[numbers] = entry.verdict;
  }
  const auto all = listed(*entries);
  if (const auto faults = contradictions(all); !faults.empty()) {
    const auto& [one, other] = faults.front();
    return base::error(fmt::format("\"{}\" ({}) and \"{}\" ({}) contradict each other",
                                   all[one].numbers, word(all[one].verdict), all[other].numbers,
                                   word(all[other].verdict)));
  }
  auto list = std::make_shared<const NumberList>(
      edit.name, before != nullptr ? before->kind() : *edit.kind,
      edit.otherwise.value_or(before != nullptr ? before->otherwise() : Verdict::kAllow), all);
  if (auto written = write(*list, gone, fresh); !written) return written;
  auto lists = screening_->lists();
  lists[edit.name] = std::move(list);
  publish(std::move(lists));
  return {};
}

base::Result<void> ListBook::add(const ListEdit& edit) {
  if (auto good = check_name(edit.name); !good) return good;
  if (screening_->find(edit.name) != nullptr) {
    return base::error(fmt::format("there is a list \"{}\" already", edit.name));
  }
  if (!edit.kind) return base::error("a list looks at callers or callees: its kind is missing");
  return change(edit, nullptr);
}

base::Result<void> ListBook::set(const ListEdit& edit) {
  const NumberList* const list = screening_->find(edit.name);
  if (list == nullptr) return no_list(edit.name);
  if (edit.kind && *edit.kind != list->kind()) {
    return base::error("a list's kind can't be changed: make another list");
  }
  return change(edit, list);
}

base::Result<void> ListBook::remove(std::string_view name) {
  if (screening_->find(name) == nullptr) return no_list(name);
  if (const std::string user = setup_.user_of(name); !user.empty()) {
    return base::error(fmt::format("list \"{}\" is used by gateway {}", name, user));
  }
  auto head = setup_.database.prepare("DELETE FROM number_list WHERE name = ?");
  if (!head) return std::move(head).take_error();
  auto entries = setup_.database.prepare("DELETE FROM number_list_entry WHERE list = ?");
  if (!entries) return std::move(entries).take_error();
  auto transaction = store::Transaction::begin(setup_.database);
  if (!transaction) return std::move(transaction).take_error();
  if (auto done = head->bind(1, name).run(); !done) return done;
  if (auto done = entries->bind(1, name).run(); !done) return done;
  if (auto done = transaction->commit(); !done) return done;
  auto lists = screening_->lists();
  lists.erase(lists.find(name));
  publish(std::move(lists));
  return {};
}

base::Result<std::vector<ListEntry>> ListBook::entries(std::string_view name, std::size_t most) {
  if (screening_->find(name) == nullptr) return no_list(name);
  const auto found = read_entries(setup_.database, name, most);
  if (!found) return base::error(found.error_text());
  return listed(*found);
}

// --- import ------------------------------------------------------------------------------------

class ListBook::Import : public RowImport {
 public:
  Import(ListBook& book, Format format, bool keep_going, std::string list, bool replace)
      : RowImport(format, keep_going, RowFields(kListFields, 2)),
        book_(book),
        list_(std::move(list)),
        replace_(replace) {}

 protected:
  void take(const Row& row) override {
    const std::string numbers = plain(*(*row.values)[0]);
    if (const auto good = prefixes_of(numbers); !good) {
      return refuse(row.line, good.error_text());
    }
    const auto verdict = verdict_named(base::trim(*(*row.values)[1]));
    if (!verdict) return refuse(row.line, "verdict must be allow or deny");
    const auto [seen, first] = lines_.emplace(numbers, row.line);
    if (!first) {
      return refuse(row.line, fmt::format("\"{}\" was in line {} already", numbers, seen->second));
    }
    rows_.push_back({numbers, *verdict});
  }

  // With what stays of the list before them.
  void compare() override {
    if (!replace_) {
      auto found = read_entries(book_.setup_.database, list_);
      if (found)
        before_ = std::move(found).value();
      else
        broken_ = base::error(found.error_text());
    }
    std::vector<ListEntry> all;
    for (const auto& [numbers, verdict] : before_) {
      if (!lines_.contains(numbers)) all.push_back({numbers, verdict});
    }
    const std::size_t stay = all.size();
    all.insert(all.end(), rows_.begin(), rows_.end());
    for (const auto& [earlier, later] : contradictions(all)) {
      const auto line = lines_.at(all[later].numbers);
      const auto what = earlier < stay ? fmt::format("\"{}\" of the list", all[earlier].numbers)
                                       : fmt::format("line {}", lines_.at(all[earlier].numbers));
      refuse(line, fmt::format("\"{}\" contradicts {}", all[later].numbers, what));
    }
  }

  base::Result<void> commit(ImportReport& report) override {
    if (!broken_) return broken_;
    const NumberList* const list = book_.screening_->find(list_);
    if (list == nullptr) return no_list(list_);
    ListEdit edit{.name = list_};
    for (const ListEntry& entry : rows_) {
      if (refused(lines_.at(entry.numbers))) continue;
      edit.entries.push_back(entry);
      ++(before_.contains(entry.numbers) ? report.changed : report.added);
    }
    if (replace_) {
      const auto now = read_entries(book_.setup_.database, list_);
      if (!now) return base::error(now.error_text());
      for (const auto& [numbers, verdict] : *now) edit.removed.push_back(numbers);
      report.removed = edit.removed.size();
    }
    return book_.change(edit, list);
  }

 private:
  ListBook& book_;
  std::string list_;
  bool replace_;
  std::vector<ListEntry> rows_{};
  std::map<std::string, std::uint64_t> lines_{};  // of each of them
  Entries before_{};
  base::Result<void> broken_{};
};

base::Result<std::unique_ptr<RowImport>> ListBook::import(RowImport::Format format, bool keep_going,
                                                          const std::string& list, bool replace) {
  if (screening_->find(list) == nullptr) return no_list(list);
  return std::unique_ptr<RowImport>(
      std::make_unique<Import>(*this, format, keep_going, list, replace));
}

}  // namespace tandem::routing
