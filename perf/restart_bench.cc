// restart_bench: what a new life of a control plane does with a million accounts, each of which has
// registered, before it is as it was: the accounts' load and the registrations' return, from their
// files. And before that, what a full batch of the writer behind costs: all of them at once. In
// process: the account book and the binding store, without threads of theirs.
//
// Prints one line a measure, "NAME VALUE UNIT". Usage: restart_bench [quick|ROWS [FOLDER]]
#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <memory>
#include <string>

#include "controlplane/registrar/account_book.h"
#include "controlplane/registrar/binding_store.h"
#include "drivers/base/check.h"
#include "perf/asked_count.h"
#include "perf/resident.h"

namespace tandem::perf {
namespace {

using Clock = std::chrono::steady_clock;
using registrar::AccountBook;
using registrar::AccountTable;
using registrar::BindingStore;
using registrar::BindingTable;

constexpr std::string_view kRealm = "sip.example.net";
constexpr base::Nanos kNow = base::Seconds{1000};
constexpr std::int64_t kWallMs = 1'790'000'000'000;

// Time since it was made, and what all our threads worked meanwhile: what others on the machine
// leave out.
class Watch {
 public:
  void print(const char* name) const {
    std::printf("%s %.2f s\n", name, seconds());
    std::printf("%s_cpu %.2f s\n", name, cpu_seconds() - cpu_);
  }
  double seconds() const { return std::chrono::duration<double>(Clock::now() - start_).count(); }

 private:
  static double cpu_seconds() {
    timespec now{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
  }

  Clock::time_point start_ = Clock::now();
  double cpu_ = cpu_seconds();
};

template <typename Value>
Value need(base::Result<Value> result) {
  if (result) return std::move(result).value();
  std::fprintf(stderr, "%s\n", result.error_text().c_str());
  std::exit(1);
}

struct Files {
  std::filesystem::path folder;
  std::string accounts() const { return (folder / "accounts.db").string(); }
  std::string registrations() const { return (folder / "registrations.db").string(); }
};

std::unique_ptr<AccountBook> open_book(const Files& files, AccountTable& table) {
  return need(AccountBook::open({.path = files.accounts(),
                                 .realms = {std::string(kRealm)},
                                 .table = table,
                                 .retire = [](const AccountTable::Retired&) {},
                                 .ended = [](const registrar::AccountKey&) {}}));
}

std::unique_ptr<BindingStore> open_store(const Files& files) {
  base::KernelRandom random;
  return need(BindingStore::open(files.registrations(), random));
}

// Out of order, as customers' lists are.
std::uint32_t number_of(int row) { return static_cast<std::uint32_t>(row) * 2'654'435'761u; }

void provision(AccountBook& book, int rows) {
  CHECK(book.begin_import(AccountBook::RowFormat::kCsv, false, {}).ok());
  std::string piece = "user,password,numbers\n";
  for (int i = 0; i < rows; ++i) {
    piece += fmt::format("u{0},secret-{0},49{0}\n", number_of(i));
    if (piece.size() < 50'000) continue;
    CHECK(book.import_rows(piece, {}).ok());
    piece.clear();
  }
  CHECK(book.import_rows(piece, {}).ok());
  CHECK(book.finish_import().ok());
}

// As a phone behind NAT has it after its REGISTER.
sip::Binding binding_of(std::uint32_t number) {
  sip::Binding out;
  const std::string uri = fmt::format("sip:u{}@192.168.1.20:5060;transport=udp", number);
  out.texts = uri;
  out.uri_size = static_cast<std::uint16_t>(uri.size());
  out.behind_nat = true;
  out.cseq = 2;
  out.registration = number * 0x9e3779b97f4a7c15u;
  out.expires = kNow + base::Seconds{300};
  out.registered = out.heard = kNow;
  base::Endpoint remote;
  remote.address = base::IpAddress::ip4_raw(number);
  remote.port = 5060;
  out.way = {.local = *base::Endpoint::parse("192.0.2.1:5060", 0), .remote = remote};
  return out;
}

void enroll(const Files& files, int rows) {
  AccountTable accounts({1, 2});
  provision(*open_book(files, accounts), rows);
  const auto store = open_store(files);
  BindingTable bindings;
  bindings.keep_track();
  bindings.all_restored();
  for (int i = 0; i < rows; ++i) {
    const std::uint32_t number = number_of(i);
    const std::string user = fmt::format("u{}", number);
    bindings.with(accounts.key_of(user, kRealm), fmt::format("{}@{}", user, kRealm),
                  [&](auto& all) { all.push_back(binding_of(number)); });
  }
  const Watch watch;
  CHECK(need(store->write_changes(bindings, kNow, kWallMs)) == static_cast<std::uint32_t>(rows));
  watch.print("registrations_write");
}

void restart(const Files& files, int rows) {
  const double before = resident();
  const Watch whole;
  AccountTable accounts({3, 4});
  auto book = open_book(files, accounts);
  whole.print("accounts_load");
  BindingTable bindings;
  const Watch watch;
  auto store = open_store(files);
  bindings.keep_track();
  const auto restored = need(store->restore(bindings, accounts, {}, kNow, kWallMs));
  bindings.all_restored();
  watch.print("registrations_restore");
  whole.print("restart");
  CHECK(restored.bindings == static_cast<std::uint32_t>(rows) && restored.refused == 0);
  book.reset();  // with the files' own caches, which are no account's
  store.reset();
  std::printf("restart_memory %.0f octets/registration\n", (resident() - before) / rows);
}

}  // namespace
}  // namespace tandem::perf

int main(int argc, char** argv) {
  using namespace tandem::perf;
  const int rows = asked_count(argc, argv);
  if (rows == 0) {
    std::fprintf(stderr, "usage: restart_bench [quick|ROWS [FOLDER]]\n");
    return 2;
  }
  const Files files{asked_folder(argc, argv, "restart-bench")};
  enroll(files, rows);
  for (const auto& [name, path] : {std::pair{"accounts_file", files.accounts()},
                                   std::pair{"registrations_file", files.registrations()}}) {
    std::printf("%s %.0f octets/account\n", name,
                static_cast<double>(std::filesystem::file_size(path)) / rows);
  }
  restart(files, rows);
  std::filesystem::remove_all(files.folder);
  return 0;
}
