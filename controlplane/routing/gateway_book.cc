#include "controlplane/routing/gateway_book.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "controlplane/routing/gateway_schema.h"

namespace tandem::routing {
namespace {

using config::Gateway;
using config::Words;

constexpr std::size_t kNameMax = 64;
constexpr std::size_t kValueMax = 4096;

// A name stands in commands, in records and in lists parted by commas.
bool is_name(std::string_view name) {
  return !name.empty() && name.size() <= kNameMax &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return c > ' ' && c < 0x7f && c != ',' && c != '"' && c != '=';
         });
}

std::string value_of(const Words& words, std::string_view name) {
  for (const auto& [word, value] : words) {
    if (word == name) return value;
  }
  return {};
}

}  // namespace

GatewayBook::GatewayBook(Setup setup, store::Database database, store::Statement put,
                         store::Statement erase)
    : setup_(std::move(setup)),
      database_(std::move(database)),
      put_(std::move(put)),
      erase_(std::move(erase)),
      gateways_(setup_.site.gateways) {}

base::Result<std::unique_ptr<GatewayBook>> GatewayBook::open(Setup setup) {
  auto database = store::Database::open(setup.path, kGatewaySchema);
  if (!database) return std::move(database).take_error();
  auto put = database->prepare("INSERT INTO gateway_word (gateway, name, value) VALUES (?, ?, ?)");
  if (!put) return std::move(put).take_error();
  auto erase = database->prepare("DELETE FROM gateway_word WHERE gateway = ?");
  if (!erase) return std::move(erase).take_error();
  // Lists are loaded by somebody else, and one that isn't there allows nothing; a registration that
  // isn't there leads nowhere.
  const config::GatewayChecks checks = setup.checks;
  setup.checks.is_list = setup.checks.is_registration = nullptr;
  std::unique_ptr<GatewayBook> book(new GatewayBook(std::move(setup), std::move(database).value(),
                                                    std::move(put).value(),
                                                    std::move(erase).value()));
  if (auto loaded = book->load(); !loaded) return std::move(loaded).take_error();
  book->setup_.checks = checks;
  return book;
}

base::Result<void> GatewayBook::load() {
  auto all = database_.prepare("SELECT gateway, name, value FROM gateway_word");
  if (!all) return std::move(all).take_error();
  for (;;) {
    const auto row = all->step();
    if (!row) return base::error(row.error_text());
    if (!*row) break;
    stored_[std::string(all->text(0))].emplace(all->text(1), all->text(2));
  }
  for (const auto& [name, stored] : stored_) {
    const auto gateway = read(name, stored);
    if (gateway)
      take(*gateway);
    else
      left_out_.push_back(fmt::format("gateway {}: {}", name, gateway.error_text()));
  }
  return {};
}

const Gateway* GatewayBook::find(std::string_view name) const {
  const auto found = std::find_if(gateways_.begin(), gateways_.end(),
                                  [&](const Gateway& each) { return each.name == name; });
  return found == gateways_.end() ? nullptr : &*found;
}

bool GatewayBook::in_file(std::string_view name) const {
  const auto& file = setup_.site.gateways;
  return std::any_of(file.begin(), file.end(), [&](const Gateway& g) { return g.name == name; });
}

Words GatewayBook::set_words(const std::string& name) const {
  const auto found = stored_.find(name);
  return found == stored_.end() ? Words{} : Words(found->second.begin(), found->second.end());
}

base::Result<Gateway> GatewayBook::read(const std::string& name, const Stored& stored) const {
  Stored all;
  for (const Gateway& gateway : setup_.site.gateways) {
    if (gateway.name == name) all.insert(gateway.words.begin(), gateway.words.end());
  }
  for (const auto& [word, value] : stored) all[word] = value;
  all["name"] = name;
  auto file = base::SettingsFile::of_words({all.begin(), all.end()});
  auto table = file.root();
  Gateway gateway = config::read_gateway(table, setup_.site, gateways_, setup_.checks,
                                         config::Others::kButItself);
  std::string reasons;
  for (const auto& fault : file.faults()) reasons += (reasons.empty() ? "" : "; ") + fault;
  if (!reasons.empty()) return base::error(std::move(reasons));
  return gateway;
}

// What the store would hold of it after this.
base::Result<GatewayBook::Stored> GatewayBook::merged(const std::string& name, const Words& words,
                                                      bool is_new) const {
  Stored out;
  const auto found = stored_.find(name);
  // One that was left out is made anew.
  if (found != stored_.end() && !is_new) out = found->second;
  const bool filed = in_file(name);
  for (const auto& [word, value] : words) {
    if (word == "name") continue;
    if (value.size() > kValueMax) {
      return base::error(fmt::format("{}: is longer than {} octets", word, kValueMax));
    }
    if (word == "kind" && !is_new) {
      const auto* gateway = find(name);
      const bool mapping = gateway != nullptr && gateway->kind == config::GatewayKind::kMapping;
      if (value != (mapping ? "mapping" : "routing")) {
        return base::error("kind: can't be changed; remove the gateway, and add it again");
      }
      if (filed) continue;
    }
    if (value.empty())
      out.erase(word);
    else
      out[word] = value;
  }
  return out;
}

base::Result<void> GatewayBook::write(const std::string& name, const Stored& stored) {
  if (auto erased = erase_.bind(1, std::string_view(name)).run(); !erased) return erased;
  for (const auto& [word, value] : stored) {
    put_.bind(1, std::string_view(name)).bind(2, std::string_view(word));
    if (auto put = put_.bind(3, std::string_view(value)).run(); !put) return put;
  }
  return {};
}

void GatewayBook::take(const Gateway& gateway) {
  const auto found = std::find_if(gateways_.begin(), gateways_.end(),
                                  [&](const Gateway& each) { return each.name == gateway.name; });
  if (found == gateways_.end())
    gateways_.push_back(gateway);
  else
    *found = gateway;
}

base::Result<Gateway> GatewayBook::add(Words words) {
  const std::string name = value_of(words, "name");
  if (find(name) != nullptr) return base::error(fmt::format("there is a gateway {} already", name));
  auto report = import({{.line = 1, .words = std::move(words)}}, false);
  if (!report) return std::move(report).take_error();
  if (!report->report.kept) return base::error(report->report.faults.front().reason);
  return report->taken.front();
}

base::Result<Gateway> GatewayBook::set(const std::string& name, const Words& words) {
  if (find(name) == nullptr) return base::error(fmt::format("there is no gateway {}", name));
  Words all = words;
  all.emplace_back("name", name);
  auto report = import({{.line = 1, .words = std::move(all)}}, false);
  if (!report) return std::move(report).take_error();
  if (!report->report.kept) return base::error(report->report.faults.front().reason);
  return report->taken.front();
}

base::Result<void> GatewayBook::remove(const std::string& name) {
  if (find(name) == nullptr) return base::error(fmt::format("there is no gateway {}", name));
  if (in_file(name)) {
    return base::error(fmt::format("gateway {} stands in the site file; lock it instead", name));
  }
  const std::string why = setup_.needed_by ? setup_.needed_by(name) : std::string();
  if (!why.empty()) return base::error(fmt::format("gateway {} is needed by {}", name, why));
  auto transaction = store::Transaction::begin(database_);
  if (!transaction) return std::move(transaction).take_error();
  if (auto erased = write(name, {}); !erased) return erased;
  if (auto done = transaction->commit(); !done) return done;
  stored_.erase(name);
  std::erase_if(gateways_, [&](const Gateway& each) { return each.name == name; });
  return {};
}

base::Result<GatewayBook::Import> GatewayBook::import(const std::vector<Row>& rows,
                                                      bool keep_going) {
  Import out;
  const auto stored_before = stored_;
  const auto gateways_before = gateways_;
  auto transaction = store::Transaction::begin(database_);
  if (!transaction) return std::move(transaction).take_error();
  const auto take_back = [&] {
    stored_ = stored_before;
    gateways_ = gateways_before;
  };
  for (const Row& row : rows) {
    const std::string name = value_of(row.words, "name");
    const bool is_new = find(name) == nullptr;
    const auto fault = [&](std::string reason) {
      out.report.faults.push_back({row.line, std::move(reason)});
    };
    if (!is_name(name)) {
      fault(fmt::format("name: must be 1..{} visible characters without , = and quotes", kNameMax));
      continue;
    }
    auto stored = merged(name, row.words, is_new);
    if (!stored) {
      fault(stored.error_text());
      continue;
    }
    auto gateway = read(name, *stored);
    if (!gateway) {
      fault(gateway.error_text());
      continue;
    }
    if (auto written = write(name, *stored); !written) {
      take_back();
      return std::move(written).take_error();
    }
    stored_[name] = *std::move(stored);
    take(*gateway);
    ++(is_new ? out.report.added : out.report.changed);
    // The last word about one counts.
    std::erase_if(out.taken, [&](const Gateway& each) { return each.name == name; });
    out.taken.push_back(*std::move(gateway));
  }
  store::ImportReport& report = out.report;
  report.refused = report.faults.size();
  report.kept = report.faults.empty() || keep_going;
  if (!report.kept) {
    take_back();
    report.added = report.changed = 0;
    out.taken.clear();
    return out;
  }
  if (auto done = transaction->commit(); !done) {
    take_back();
    return std::move(done).take_error();
  }
  return out;
}

}  // namespace tandem::routing
