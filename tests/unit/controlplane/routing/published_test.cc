#include "controlplane/routing/published.h"

#include <gtest/gtest.h>

#include <thread>

namespace tandem::routing {
namespace {

// Knows on which thread it ended, and how many of its kind there are.
struct Deck {
  explicit Deck(std::uint64_t n = 0) : first(n), last(n) { ++alive; }
  ~Deck() {
    freed_by = std::this_thread::get_id();
    --alive;
  }
  std::uint64_t first;
  std::uint64_t last;
  static inline std::atomic<int> alive{0};
  static inline std::thread::id freed_by{};
};

TEST(Published, AReaderHasTheLatestAndLetsGoOfTheRest) {
  Published<Deck> decks;
  Published<Deck>::Reader reader(decks);
  Published<Deck>::Reader idle(decks);
  EXPECT_EQ(reader.get().first, 0u);
  EXPECT_EQ(idle.get().first, 0u);
  for (std::uint64_t n = 1; n <= 3; ++n) {
    decks.publish(std::make_shared<const Deck>(n));
    EXPECT_EQ(reader.get().first, n);
    EXPECT_EQ(decks.now()->first, n);
  }
  EXPECT_EQ(Deck::alive, 4);
  decks.sweep();
  EXPECT_EQ(Deck::alive, 2);  // the idle one's, and the latest
  EXPECT_EQ(idle.get().first, 3u);
  EXPECT_EQ(Deck::alive, 2);
  decks.sweep();
  EXPECT_EQ(Deck::alive, 1);
}

// Shards read while another thread goes on exchanging: each sees whole decks, never an earlier one
// again, and frees none.
TEST(Published, ManyReadWhileOneExchanges) {
  constexpr std::uint64_t kRounds = 2000;
  Published<Deck> decks;
  std::vector<std::thread> shards;
  std::atomic<int> faults{0};
  for (int i = 0; i < 3; ++i) {
    shards.emplace_back([&] {
      Published<Deck>::Reader reader(decks);
      for (std::uint64_t seen = 0; seen < kRounds;) {
        const Deck& deck = reader.get();
        if (deck.first != deck.last || deck.first < seen) ++faults;
        seen = deck.first;
      }
    });
  }
  for (std::uint64_t n = 1; n <= kRounds; ++n) {
    decks.publish(std::make_shared<const Deck>(n));
    decks.sweep();
    if (Deck::freed_by != std::thread::id{} && Deck::freed_by != std::this_thread::get_id()) {
      ++faults;
    }
  }
  for (auto& shard : shards) shard.join();
  EXPECT_EQ(faults, 0);
  decks.sweep();
  EXPECT_EQ(Deck::alive, 1);
}

}  // namespace
}  // namespace tandem::routing
