// The bindings under all hands at once: REGISTERs of several shards, their rounds, the thread that
// keeps them on disk, an operator who looks.
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "controlplane/registrar/binding_round.h"

namespace tandem::registrar {
namespace {

using base::Nanos;

constexpr std::uint64_t kAccounts = 500;

AccountKey key_of(std::uint64_t number) { return {number * 0x9e3779b97f4a7c15, number}; }

void change(BindingTable& table, std::uint64_t seed) {
  for (int i = 0; i < 20'000; ++i) {
    seed = seed * 6364136223846793005 + 1442695040888963407;
    const std::uint64_t number = (seed >> 33) % kAccounts;
    if (seed >> 62 == 0) {
      table.forget(key_of(number));
      continue;
    }
    table.with(key_of(number), "somebody@example", [&](auto& bindings) {
      if (bindings.size() > 2) bindings.erase(bindings.begin());
      sip::Binding& binding = bindings.emplace_back();
      binding.texts = "sip:somebody@192.0.2.1";
      binding.uri_size = static_cast<std::uint16_t>(binding.texts.size());
      binding.behind_nat = (seed >> 40 & 1) != 0;
      binding.expires = Nanos{1 + static_cast<std::int64_t>(seed >> 50 & 3)};
    });
  }
}

TEST(BindingTableThreads, StaysRight) {
  BindingTable table;
  table.keep_track();
  std::atomic<bool> stop{false};
  std::vector<std::thread> hands;
  std::atomic<std::uint64_t> met{0};
  for (std::uint32_t share = 0; share < 2; ++share) {
    hands.emplace_back([&, share] {
      BindingRound round(table, BindingRound::Whom::kBehindNat, share, 2);
      while (!stop.load()) {
        round.go_on();
        BindingId last;
        while (round.next(Nanos{1}, [&](const auto&, const auto& binding, const BindingId& id) {
          EXPECT_TRUE(binding.behind_nat);
          last = id;
          met.fetch_add(1);
        })) {
          table.note(last, [](sip::Binding& binding) { binding.silent = !binding.silent; });
        }
        EXPECT_LT(round.left(), 10 * kAccounts);
      }
    });
  }
  hands.emplace_back([&] {
    for (std::uint64_t i = 0; i < kAccounts; ++i) {
      sip::Binding former;
      former.expires = Nanos{3};
      table.restore(key_of(i), "somebody@example", {former});
    }
    table.all_restored();
    while (!stop.load()) {
      for (std::uint32_t stripe = 0; stripe < BindingTable::kStripes; ++stripe) {
        table.take_changes(
            stripe, 8, [](const auto&, const auto& bindings) { EXPECT_LE(bindings.size(), 3u); });
        table.tend(stripe, Nanos{2});
      }
    }
  });
  std::vector<std::thread> shards;
  for (std::uint64_t seed = 1; seed <= 2; ++seed) {
    shards.emplace_back([&table, seed] { change(table, seed); });
  }
  for (auto& shard : shards) shard.join();
  stop.store(true);
  for (auto& hand : hands) hand.join();
  EXPECT_GT(met.load(), 0u);
  std::size_t all = 0;
  std::size_t nats = 0;
  table.each(Nanos{0}, [&](const auto&, const auto& binding) {
    ++all;
    nats += binding.behind_nat ? 1 : 0;
    return true;
  });
  EXPECT_EQ(table.size(), all);
  EXPECT_EQ(table.behind_nat(), nats);
  for (std::uint64_t i = 0; i < kAccounts; ++i) table.forget(key_of(i));
  EXPECT_EQ(table.size(), 0u);
  EXPECT_EQ(table.behind_nat(), 0u);
}

}  // namespace
}  // namespace tandem::registrar
