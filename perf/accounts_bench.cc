// accounts_bench: what a million accounts cost: their import from CSV with passwords to be hashed,
// the start of a control plane that has them, and the memory that they hold then. In process: the
// account book with its store on disk, without the control socket.
//
// Prints one line a measure, "NAME VALUE UNIT". Usage: accounts_bench [quick|ROWS [FOLDER]]
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
#include "perf/asked_count.h"
#include "perf/resident.h"

namespace tandem::perf {
namespace {

using Clock = std::chrono::steady_clock;
using registrar::AccountBook;
using registrar::AccountTable;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// Of all our threads: what others on the machine leave out.
double cpu_seconds() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

std::unique_ptr<AccountBook> open(const std::string& path, AccountTable& table) {
  auto book = AccountBook::open({.path = path,
                                 .realms = {"sip.example.net"},
                                 .table = table,
                                 .retire = [](const AccountTable::Retired&) {},
                                 .ended = [](const registrar::AccountKey&) {}});
  if (!book) {
    std::fprintf(stderr, "%s\n", book.error_text().c_str());
    std::exit(1);
  }
  return std::move(book).value();
}

void import(const std::string& path, int rows) {
  AccountTable table({1, 2});
  const auto book = open(path, table);
  const auto start = Clock::now();
  const double cpu = cpu_seconds();
  if (!book->begin_import(AccountBook::RowFormat::kCsv, false, {})) std::abort();
  std::string piece = "user,password,numbers\n";
  for (int i = 0; i < rows; ++i) {
    // Out of order, as customers' lists are.
    const auto number = static_cast<std::uint32_t>(i) * 2'654'435'761u;
    piece += fmt::format("u{0},secret-{0},49{0}\n", number);
    if (piece.size() < 50'000) continue;
    if (!book->import_rows(piece, {})) std::abort();
    piece.clear();
  }
  if (!book->import_rows(piece, {})) std::abort();
  const auto report = book->finish_import();
  if (!report || report->added != static_cast<std::uint64_t>(rows)) std::abort();
  std::printf("accounts_import %.2f s\n", seconds_since(start));
  std::printf("accounts_import_cpu %.2f s\n", cpu_seconds() - cpu);
}

void load(const std::string& path, int rows) {
  const double before = resident();
  AccountTable table({3, 4});
  const auto start = Clock::now();
  const double cpu = cpu_seconds();
  auto book = open(path, table);
  std::printf("accounts_load %.2f s\n", seconds_since(start));
  std::printf("accounts_load_cpu %.2f s\n", cpu_seconds() - cpu);
  if (table.size() != static_cast<std::size_t>(rows)) std::abort();
  book.reset();  // with the store's own cache, which is no account's
  std::printf("accounts_memory %.0f octets/account\n", (resident() - before) / rows);
}

}  // namespace
}  // namespace tandem::perf

int main(int argc, char** argv) {
  using namespace tandem::perf;
  const int rows = asked_count(argc, argv);
  if (rows == 0) {
    std::fprintf(stderr, "usage: accounts_bench [quick|ROWS [FOLDER]]\n");
    return 2;
  }
  const auto folder = asked_folder(argc, argv, "accounts-bench");
  const std::string path = (folder / "accounts.db").string();
  import(path, rows);
  load(path, rows);
  std::filesystem::remove_all(folder);
  return 0;
}
