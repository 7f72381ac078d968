// Places of bindings, walks over them, and what is told to whoever keeps them on disk.
#include "controlplane/registrar/binding_table.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "controlplane/registrar/binding_round.h"

namespace tandem::registrar {
namespace {

using base::Nanos;
using base::Seconds;
using Whom = BindingRound::Whom;

class BindingTableTest : public ::testing::Test {
 protected:
  static AccountKey key_of(std::uint64_t number) { return {number * 0x9e3779b97f4a7c15, number}; }
  static std::string name_of(std::uint64_t number) { return fmt::format("u{}@example", number); }
  static sip::Binding binding_of(const std::string& uri, bool nat, Nanos expires) {
    sip::Binding out;
    out.texts = uri;
    out.uri_size = static_cast<std::uint16_t>(uri.size());
    out.behind_nat = nat;
    out.expires = expires;
    return out;
  }
  void add(std::uint64_t number, bool nat = true, Nanos expires = Seconds{100}) {
    table.with(key_of(number), name_of(number), [&](auto& bindings) {
      const auto uri = fmt::format("sip:{}.{}", number, bindings.size());
      bindings.push_back(binding_of(uri, nat, expires));
    });
  }
  // Those that a round meets until it is over, or `most` of them.
  std::vector<std::string> walk(BindingRound& round, std::size_t most = SIZE_MAX) {
    std::vector<std::string> out;
    while (out.size() < most &&
           round.next(now, [&](std::string_view, const sip::Binding& binding, const BindingId&) {
             out.emplace_back(binding.uri());
           })) {
    }
    return out;
  }
  static std::set<std::string> distinct(const std::vector<std::string>& all) {
    return {all.begin(), all.end()};
  }

  BindingTable table;
  Nanos now = Seconds{1};
};

TEST_F(BindingTableTest, CountsWhatThereIs) {
  for (int i = 0; i < 100; ++i) add(i, i % 2 == 0);
  EXPECT_EQ(table.size(), 100u);
  EXPECT_EQ(table.behind_nat(), 50u);
  table.with(key_of(0), name_of(0), [](auto& bindings) { bindings[0].behind_nat = false; });
  EXPECT_EQ(table.behind_nat(), 49u);
  table.forget(key_of(2));
  EXPECT_EQ(table.size(), 99u);
  EXPECT_EQ(table.behind_nat(), 48u);
  table.with(key_of(4), name_of(4), [](auto& bindings) { bindings.clear(); });
  EXPECT_EQ(table.size(), 98u);
  EXPECT_EQ(table.behind_nat(), 47u);
}

TEST_F(BindingTableTest, RoundMeetsEachOnce) {
  for (int i = 0; i < 3000; ++i) add(i % 2500);  // some accounts have two
  BindingRound round(table, Whom::kAll, 0, 1);
  EXPECT_TRUE(walk(round).empty()) << "not begun yet";
  round.go_on();
  EXPECT_EQ(round.size(), 3000u);
  EXPECT_EQ(round.left(), 3000u);
  const auto first = walk(round, 1234);
  EXPECT_EQ(round.left(), 3000u - 1234u);
  auto rest = walk(round);
  EXPECT_EQ(round.left(), 0u);
  EXPECT_EQ(first.size() + rest.size(), 3000u);
  rest.insert(rest.end(), first.begin(), first.end());
  EXPECT_EQ(distinct(rest).size(), 3000u);
}

TEST_F(BindingTableTest, RoundGoesOnFromWhereItStood) {
  for (int i = 0; i < 3000; ++i) add(i);
  BindingRound round(table, Whom::kAll, 0, 1);
  round.begin_anew();
  const auto first = walk(round, 1000);
  round.go_on();
  EXPECT_EQ(round.left(), 3000u);
  const auto second = walk(round);
  EXPECT_EQ(distinct(second).size(), 3000u);
  EXPECT_EQ(std::vector(second.end() - 1000, second.end()), first) << "the served ones come last";
  round.begin_anew();
  EXPECT_EQ(walk(round, 1000), first) << "the same order";
}

TEST_F(BindingTableTest, RoundsOfSharesAreDisjoint) {
  for (int i = 0; i < 3000; ++i) add(i);
  for (const std::uint32_t shares : {2u, 3u, 7u}) {
    std::vector<std::string> all;
    for (std::uint32_t share = 0; share < shares; ++share) {
      BindingRound round(table, Whom::kAll, share, shares);
      round.go_on();
      const auto met = walk(round);
      EXPECT_EQ(met.size(), round.size());
      all.insert(all.end(), met.begin(), met.end());
    }
    EXPECT_EQ(all.size(), 3000u);
    EXPECT_EQ(distinct(all).size(), 3000u);
  }
}

TEST_F(BindingTableTest, RoundOfThoseBehindNat) {
  for (int i = 0; i < 1000; ++i) add(i, i % 10 == 0);
  BindingRound round(table, Whom::kBehindNat, 0, 1);
  round.go_on();
  EXPECT_EQ(round.left(), 100u);
  EXPECT_EQ(walk(round).size(), 100u);
}

TEST_F(BindingTableTest, RoundPassesOverWhatHasRunOut) {
  add(1, true, now);
  add(2, true, now + Nanos{1});
  BindingRound round(table, Whom::kAll, 0, 1);
  round.go_on();
  EXPECT_EQ(walk(round), std::vector<std::string>{"sip:2.0"});
}

// Whoever stays while others come and go, at any pace, is met once in each round.
TEST_F(BindingTableTest, WhoStaysIsMetOnceARound) {
  for (int i = 0; i < 2000; ++i) add(i);
  BindingRound round(table, Whom::kAll, 0, 1);
  std::uint64_t fresh = 10'000;
  std::uint64_t state = 1;
  for (int laps = 0; laps < 5; ++laps) {
    round.go_on();
    std::map<std::string, int> met;
    for (;;) {
      const auto some = walk(round, 1 + state % 50);
      if (some.empty()) break;
      for (const auto& uri : some) ++met[uri];
      state = state * 6364136223846793005 + 1442695040888963407;
      table.forget(key_of(1000 + (state >> 33) % 1000));
      add(fresh++);
      if (laps > 1) table.forget(key_of(10'000 + (state >> 40) % (fresh - 10'000)));
    }
    for (int i = 0; i < 1000; ++i) EXPECT_EQ(met[fmt::format("sip:{}.0", i)], 1) << i;
  }
}

TEST_F(BindingTableTest, IdFindsNoOtherBinding) {
  add(1);
  BindingId id;
  BindingRound round(table, Whom::kAll, 0, 1);
  round.go_on();
  round.next(now, [&](const auto&, const auto&, const BindingId& of) { id = of; });
  const auto noted = [&] {
    int times = 0;
    table.note(id, [&](sip::Binding& binding) {
      binding.silent = true;
      ++times;
    });
    return times;
  };
  EXPECT_EQ(noted(), 1);
  table.look(key_of(1), [](const auto&, const auto& all) { EXPECT_TRUE(all[0].silent); });
  table.forget(key_of(1));
  EXPECT_EQ(noted(), 0);
  add(1);  // takes the same place
  EXPECT_EQ(noted(), 0);
}

class Changes : public BindingTableTest {
 protected:
  // Account → how many bindings it has.
  std::map<std::string, std::size_t> told(std::size_t most = SIZE_MAX) {
    std::map<std::string, std::size_t> out;
    for (std::uint32_t stripe = 0; stripe < BindingTable::kStripes; ++stripe) {
      while (table.take_changes(stripe, most, [&](const auto& name, const auto& bindings) {
        out[std::string(name)] = bindings.size();
      })) {
      }
    }
    return out;
  }
  using Told = std::map<std::string, std::size_t>;
};

TEST_F(Changes, AreToldOnceAsTheyStand) {
  add(0);
  table.keep_track();
  table.all_restored();
  EXPECT_EQ(told(), Told{}) << "before it began";
  add(1);
  add(1);
  add(2);
  EXPECT_EQ(told(1), (Told{{"u1@example", 2}, {"u2@example", 1}}));
  EXPECT_EQ(told(), Told{});
  table.with(key_of(2), name_of(2), [](auto&) { return false; });
  EXPECT_EQ(told(), Told{}) << "nothing has changed";
  table.forget(key_of(1));
  table.with(key_of(2), name_of(2), [](auto& bindings) { bindings.clear(); });
  EXPECT_EQ(told(), (Told{{"u1@example", 0}, {"u2@example", 0}}));
  add(3, true, now);
  EXPECT_EQ(told(), (Told{{"u3@example", 1}}));
  for (std::uint32_t stripe = 0; stripe < BindingTable::kStripes; ++stripe) table.tend(stripe, now);
  EXPECT_EQ(told(), (Told{{"u3@example", 0}}));
}

TEST_F(Changes, GoneAndBackIsThere) {
  table.keep_track();
  table.all_restored();
  add(1);
  table.forget(key_of(1));
  add(1);
  for (const std::size_t most : {std::size_t{1}, SIZE_MAX}) {
    EXPECT_EQ(told(most), (Told{{"u1@example", 1}}));
    table.forget(key_of(1));
    add(1);
  }
}

TEST_F(Changes, NewerThanWhatIsRestored) {
  table.keep_track();
  const auto former = [&](int i) {
    return table.restore(key_of(i), name_of(i), {binding_of("sip:former", false, Seconds{100})});
  };
  add(1);
  add(2);
  table.forget(key_of(2));
  table.forget(key_of(3));  // the account has been removed
  EXPECT_FALSE(former(1));
  EXPECT_FALSE(former(2));
  EXPECT_FALSE(former(3));
  EXPECT_TRUE(former(4));
  table.all_restored();
  EXPECT_EQ(table.size(), 2u);
  EXPECT_EQ(told(), (Told{{"u1@example", 1}, {"u2@example", 0}, {"u3@example", 0}}))
      << "what was restored is kept, what was forgotten before must go";
  table.look(key_of(4), [](const auto& name, const auto& all) {
    EXPECT_EQ(name, "u4@example");
    EXPECT_EQ(all[0].uri(), "sip:former");
  });
}

}  // namespace
}  // namespace tandem::registrar
