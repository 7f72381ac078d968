// route_bench: what a million routes cost: their import from CSV, the start of a control plane that
// has them, one route changed among them, the table alone and the memory that it holds, and the
// choice of a gateway for numbers drawn at random. In process: the book with its store on disk,
// without the control socket. Two decks: prefixes of 5 to 9 digits all over the world, and all of
// them in one country.
//
// Prints one line a measure, "NAME VALUE UNIT". Usage: route_bench [quick|ROWS [FOLDER]]
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "controlplane/routing/number_rules.h"
#include "controlplane/routing/route_book.h"
#include "controlplane/routing/router.h"
#include "perf/asked_count.h"
#include "perf/resident.h"

namespace tandem::perf {
namespace {

using Clock = std::chrono::steady_clock;
using namespace routing;

constexpr GatewayIndex kGateways = 20;
constexpr int kRounds = 9;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

double median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + values.size() / 2, values.end());
  return values[values.size() / 2];
}

std::string digits(base::Random& random, std::size_t count) {
  std::string out(count, '0');
  for (char& digit : out) digit = static_cast<char>('0' + random.next() % 10);
  return out;
}

// Different prefixes that begin so, in no order.
std::vector<std::string> deck(std::string_view begin, std::size_t count) {
  base::SeededRandom random(7);
  std::set<std::string> all;
  while (all.size() < count) {
    all.insert(std::string(begin) + digits(random, 5 + random.next() % 5));
  }
  std::vector<std::string> out(all.begin(), all.end());
  for (std::size_t i = out.size(); i > 1; --i) std::swap(out[i - 1], out[random.next() % i]);
  return out;
}

std::vector<PrefixRoute> routes_of(const std::vector<std::string>& deck) {
  std::vector<PrefixRoute> out;
  for (std::size_t i = 0; i < deck.size(); ++i) {
    out.push_back({*PrefixKey::parse(deck[i]),
                   {.price = i, .gateway = static_cast<GatewayIndex>(i % kGateways)}});
  }
  return out;
}

void table(const char* name, const std::vector<std::string>& prefixes, std::string_view begin) {
  const auto routes = routes_of(prefixes);
  std::vector<double> builds;
  for (int round = 0; round < 3; ++round) {
    auto copy = routes;
    const auto start = Clock::now();
    const RouteTable built(std::move(copy));
    builds.push_back(seconds_since(start) * 1e3);
  }
  std::printf("route_build_%s %.0f ms\n", name, median(builds));
  const double before = resident();
  auto copy = routes;
  const RouteTable built(std::move(copy));
  copy = {};
  std::printf("route_memory_%s %.1f octets/prefix\n", name,
              (resident() - before) / static_cast<double>(prefixes.size()));

  base::SeededRandom random(9);
  std::vector<std::string> numbers;
  const std::size_t count = std::min<std::size_t>(prefixes.size(), 200'000);
  for (std::size_t i = 0; i < count; ++i) {
    // Every other number belongs to a prefix; no two that follow each other are neighbours.
    numbers.push_back(i % 2 == 0 ? prefixes[random.next() % prefixes.size()] + "1234"
                                 : std::string(begin) + digits(random, 12));
  }
  const RouteContext context{.random = random};
  Candidates found;
  std::size_t hits = 0;
  std::vector<double> lookups;
  std::vector<double> choices;
  for (int round = 0; round < kRounds; ++round) {
    auto start = Clock::now();
    for (const auto& number : numbers) {
      hits += built.prefixes().find(PrefixKey::of_number(number)) != PrefixTable::kNone ? 1 : 0;
    }
    lookups.push_back(seconds_since(start) * 1e9 / static_cast<double>(count));
    start = Clock::now();
    for (const auto& number : numbers) {
      built.candidates(number, context, found);
      hits += found.size();
    }
    choices.push_back(seconds_since(start) * 1e9 / static_cast<double>(count));
  }
  if (hits < count * kRounds) std::abort();  // half of the numbers, twice a round
  std::printf("route_lookup_%s %.0f ns\n", name, median(lookups));
  std::printf("route_candidates_%s %.0f ns\n", name, median(choices));
}

struct Book {
  explicit Book(const std::string& path) : database(open_store(path).value()) {
    auto opened = RouteBook::open(
        {.database = database,
         .fixed = {},
         .gateway_named = [](std::string_view name) -> base::Result<GatewayIndex> {
           return static_cast<GatewayIndex>(std::atoi(std::string(name.substr(1)).c_str()));
         },
         .name_of = [](GatewayIndex gateway) { return fmt::format("g{}", gateway); },
         .routes = routes});
    if (!opened) {
      std::fprintf(stderr, "%s\n", opened.error_text().c_str());
      std::exit(1);
    }
    book = std::move(opened).value();
  }
  store::Database database;
  Routes routes;
  std::unique_ptr<RouteBook> book;
};

void import(const std::string& path, const std::vector<std::string>& prefixes) {
  Book book(path);
  const auto start = Clock::now();
  auto import = book.book->import(RowImport::Format::kCsv, false, {}).value();
  std::string piece = "prefix,gateway,price,time\n";
  for (std::size_t i = 0; i < prefixes.size(); ++i) {
    piece += fmt::format("{},g{},0.{:06},{}\n", prefixes[i], i % kGateways, i % 1'000'000,
                         i % 10 == 0 ? "mon-fri 08:00-18:00" : "");
    if (piece.size() < 50'000) continue;
    if (!import->rows(piece)) std::abort();
    piece.clear();
  }
  if (!import->rows(piece)) std::abort();
  const auto report = import->finish();
  if (!report || report->added != prefixes.size()) std::abort();
  std::printf("route_import %.2f s\n", seconds_since(start));
}

void load(const std::string& path, const std::vector<std::string>& prefixes) {
  const auto start = Clock::now();
  Book book(path);
  std::printf("route_load %.2f s\n", seconds_since(start));
  if (book.book->table().size() != prefixes.size()) std::abort();
  RowFields::Values values(kRouteFields.size());
  values[0] = prefixes.front();
  values[1] = "g0";
  std::vector<double> changes;
  for (int round = 0; round < 3; ++round) {
    values[2] = std::to_string(round);
    const auto begin = Clock::now();
    if (!book.book->set(values)) std::abort();
    changes.push_back(seconds_since(begin) * 1e3);
    book.routes.sweep();
  }
  std::printf("route_change %.0f ms\n", median(changes));
}

void rules() {
  const auto plan = NumberRules::parse(
                        "0900:!,*31#:,#31#:,77#:,110$:49110,112$:49112,+:,00:,{7}|[2-9]:4930,"
                        "0|[1-9]:49")
                        .value();
  NumberText out;
  std::vector<double> times;
  constexpr int kTimes = 100'000;
  std::size_t size = 0;
  for (int round = 0; round < kRounds; ++round) {
    const auto start = Clock::now();
    for (int i = 0; i < kTimes; ++i) {
      if (plan.apply("0301234567", out) != NumberRules::Outcome::kChanged) std::abort();
      size += out.view().size();
    }
    times.push_back(seconds_since(start) * 1e9 / kTimes);
  }
  if (size == 0) std::abort();
  std::printf("number_rules_ten %.0f ns\n", median(times));
}

}  // namespace
}  // namespace tandem::perf

int main(int argc, char** argv) {
  using namespace tandem::perf;
  const int rows = asked_count(argc, argv);
  if (rows == 0) {
    std::fprintf(stderr, "usage: route_bench [quick|ROWS [FOLDER]]\n");
    return 2;
  }
  const auto folder = asked_folder(argc, argv, "route-bench");
  const std::string path = (folder / "routes.db").string();
  const auto count = static_cast<std::size_t>(rows);
  const auto world = deck("", count);
  table("world", world, "");
  table("country", deck("49", count), "49");
  import(path, world);
  load(path, world);
  rules();
  std::filesystem::remove_all(folder);
  return 0;
}
