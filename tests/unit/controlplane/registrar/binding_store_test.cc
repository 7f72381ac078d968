// Registrations from one life of the process to the next.
#include "controlplane/registrar/binding_store.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "controlplane/registrar/schema.h"
#include "tests/unit/controlplane/credentials.h"
#include "tests/unit/drivers/base/temp_folder.h"

namespace tandem::registrar {
namespace {

using base::Nanos;
using base::Seconds;

using test::kRealm;
constexpr std::int64_t kWall = 1'800'000'000'000;

class BindingStoreTest : public ::testing::Test {
 protected:
  BindingStoreTest() {
    for (int i = 0; i < 100; ++i) account(fmt::format("u{}", i));
    next_life();
  }

  // A process that starts with what the former one has left; its clock begins anew.
  void next_life() {
    store.reset();
    table = std::make_unique<BindingTable>();
    auto opened = BindingStore::open(folder.path("registrations.db"), random);
    ASSERT_TRUE(opened.ok()) << opened.error_text();
    store = std::move(opened).value();
    table->keep_track();
  }
  BindingStore::Restored restore(Nanos now, std::int64_t wall_ms = kWall) {
    auto restored = store->restore(*table, accounts, rules, now, wall_ms);
    EXPECT_TRUE(restored.ok()) << restored.error_text();
    table->all_restored();
    return *restored;
  }
  std::uint32_t write(Nanos now, std::int64_t wall_ms = kWall) {
    auto written = store->write_changes(*table, now, wall_ms);
    EXPECT_TRUE(written.ok()) << written.error_text();
    return *written;
  }
  void account(const std::string& user, bool enabled = true) {
    AccountRecord record{.key = accounts.key_of(user, kRealm), .ha1 = {}};
    record.enabled = enabled;
    (void)accounts.apply({.accounts = {{record}}, .numbers = {}});
  }
  static sip::Binding binding_of(const std::string& uri, Nanos expires) {
    sip::Binding out;
    out.texts = uri + ";+sip.instance=\"<urn:uuid:1>\"" + "<sip:edge.example;lr>";
    out.uri_size = static_cast<std::uint16_t>(uri.size());
    out.params_size = static_cast<std::uint16_t>(out.texts.size() - uri.size() - 21);
    out.q = 700;
    out.behind_nat = true;
    out.cseq = 4'000'000'000;
    out.registration = UINT64_MAX - 5;
    out.instance = 77;
    out.expires = expires;
    out.way = {.local = *base::Endpoint::parse("192.0.2.1:5060", 0),
               .remote = *base::Endpoint::parse("[2001:db8::9]:1234", 0)};
    return out;
  }
  void put(const std::string& user, std::vector<sip::Binding> bindings) {
    table->with(accounts.key_of(user, kRealm), user + "@" + std::string(kRealm),
                [&](auto& all) { all = std::move(bindings); });
  }
  std::vector<sip::Binding> of(const std::string& user) {
    std::vector<sip::Binding> out;
    table->look(accounts.key_of(user, kRealm), [&](std::string_view name, const auto& all) {
      EXPECT_EQ(name, user + "@" + std::string(kRealm));
      out = all;
    });
    return out;
  }

  test::TempFolder folder;
  base::SeededRandom random{1};
  AccountTable accounts{base::KeyedHash::Key{1, 2}, 16};
  std::unique_ptr<BindingTable> table;
  std::unique_ptr<BindingStore> store;
  BindingStore::Rules rules;
};

TEST_F(BindingStoreTest, AreFoundAgainWhole) {
  restore(Seconds{1000});
  put("u1", {binding_of("sip:u1@10.0.0.1", Seconds{1100}), binding_of("sip:b", Seconds{1200})});
  put("u2", {binding_of("sip:u2@10.0.0.2", Seconds{1300})});
  EXPECT_EQ(write(Seconds{1001}), 2u);
  EXPECT_EQ(write(Seconds{1001}), 0u);
  next_life();
  // Ten seconds later, in another clock.
  const auto restored = restore(Seconds{51}, kWall + 10'000);
  EXPECT_EQ(restored.bindings, 3u);
  EXPECT_EQ(restored.refused, 0u);
  EXPECT_EQ(table->size(), 3u);
  EXPECT_EQ(table->behind_nat(), 3u);
  const auto all = of("u1");
  ASSERT_EQ(all.size(), 2u);
  const sip::Binding& one = all[0].uri() == "sip:b" ? all[1] : all[0];
  const sip::Binding was = binding_of("sip:u1@10.0.0.1", Seconds{1100});
  EXPECT_EQ(one.uri(), was.uri());
  EXPECT_EQ(one.params(), was.params());
  EXPECT_EQ(one.path(), was.path());
  EXPECT_EQ(one.q, 700);
  EXPECT_TRUE(one.behind_nat);
  EXPECT_EQ(one.cseq, was.cseq);
  EXPECT_EQ(one.registration, was.registration);
  EXPECT_EQ(one.instance, was.instance);
  EXPECT_EQ(one.expires, Seconds{51 + 99 - 10});
  EXPECT_EQ(one.registered, Seconds{51} - Seconds{1001 + 10}) << "at 0 of the former clock";
  EXPECT_EQ(one.way.local, was.way.local);
  EXPECT_EQ(one.way.remote, was.way.remote);
  EXPECT_FALSE(one.silent);
}

TEST_F(BindingStoreTest, TheLastStateCounts) {
  restore(Seconds{1000});
  put("u1", {binding_of("sip:old", Seconds{2000}), binding_of("sip:other", Seconds{2000})});
  put("u2", {binding_of("sip:two", Seconds{2000})});
  put("u3", {binding_of("sip:three", Seconds{2000})});
  write(Seconds{1000});
  put("u1", {binding_of("sip:new", Seconds{2000})});
  table->forget(accounts.key_of("u2", kRealm));
  put("u3", {});
  put("u3", {binding_of("sip:three.again", Seconds{2000})});
  write(Seconds{1000});
  next_life();
  EXPECT_EQ(restore(Seconds{1000}).bindings, 2u);
  ASSERT_EQ(of("u1").size(), 1u);
  EXPECT_EQ(of("u1")[0].uri(), "sip:new");
  EXPECT_TRUE(of("u2").empty());
  EXPECT_EQ(of("u3")[0].uri(), "sip:three.again");
}

TEST_F(BindingStoreTest, WhatIsOverIsNotFoundAgain) {
  restore(Seconds{1000});
  put("u1", {binding_of("sip:short", Seconds{1010})});
  put("u2", {binding_of("sip:removed", Seconds{2000})});
  put("u3", {binding_of("sip:disabled", Seconds{2000})});
  put("u4", {binding_of("sip:good", Seconds{2000})});
  write(Seconds{1000});
  AccountTable::Changes gone;
  gone.accounts.push_back(
      {.record = {.key = accounts.key_of("u2", kRealm), .ha1 = {}}, .removes = true});
  (void)accounts.apply(gone);
  account("u3", false);
  next_life();
  const auto restored = restore(Seconds{1000}, kWall + 10'000);
  EXPECT_EQ(restored.bindings, 1u);
  EXPECT_EQ(restored.refused, 3u);
  EXPECT_EQ(of("u4").size(), 1u);
}

TEST_F(BindingStoreTest, WhatPhonesSayMeanwhileIsNewer) {
  restore(Seconds{1000});
  for (const auto* user : {"u1", "u2", "u3"}) put(user, {binding_of("sip:former", Seconds{2000})});
  write(Seconds{1000});
  next_life();
  put("u1", {binding_of("sip:fresh", Seconds{2000})});
  put("u2", {binding_of("sip:fresh", Seconds{2000})});
  put("u2", {});
  EXPECT_EQ(restore(Seconds{1000}).bindings, 1u);
  EXPECT_EQ(of("u1").at(0).uri(), "sip:fresh");
  EXPECT_TRUE(of("u2").empty());
  EXPECT_EQ(of("u3").at(0).uri(), "sip:former");
  write(Seconds{1000});
  next_life();
  EXPECT_EQ(restore(Seconds{1000}).bindings, 2u);
  EXPECT_EQ(of("u1").at(0).uri(), "sip:fresh");
  EXPECT_TRUE(of("u2").empty());
}

TEST_F(BindingStoreTest, AConnectionIsNotFoundAgain) {
  restore(Seconds{1000});
  auto binding = binding_of("sip:tcp", Seconds{2000});
  binding.way.protocol = base::Protocol::kTls;
  binding.way.flow = 12;
  put("u1", {binding});
  write(Seconds{1000});
  next_life();
  restore(Seconds{1000});
  ASSERT_EQ(of("u1").size(), 1u);
  EXPECT_EQ(of("u1")[0].way.protocol, base::Protocol::kTls);
  EXPECT_EQ(of("u1")[0].way.flow, 0u) << "another phone may have that number now";
  EXPECT_TRUE(of("u1")[0].silent);
}

TEST_F(BindingStoreTest, TheHashIsTheSameInEachLife) {
  const auto hash = store->hash();
  EXPECT_NE(hash.low, 0u);
  next_life();
  EXPECT_EQ(store->hash().low, hash.low);
  EXPECT_EQ(store->hash().high, hash.high);
}

TEST_F(BindingStoreTest, ItsThreadRestoresAndWritesWhatIsLeft) {
  store->start(*table, accounts, rules);
  put("u1", {binding_of("sip:u1", base::monotonic_now() + Seconds{1000})});
  store->stop();
  EXPECT_FALSE(table->restoring());
  next_life();
  store->start(*table, accounts, rules);
  store->stop();
  EXPECT_EQ(of("u1").size(), 1u);
}

// A clock that was set wrong makes no registration last for years, nor loses any for good.
TEST_F(BindingStoreTest, WrongClocksDoNoHarm) {
  constexpr std::int64_t kHourMs = 3'600'000;
  rules.longest = Seconds{3600};
  restore(Seconds{1000});
  auto binding = binding_of("sip:u1", Seconds{1000 + 3000});
  binding.registered = Seconds{900};
  put("u1", {binding});
  write(Seconds{1000});
  next_life();  // the clock stands an hour too late
  EXPECT_EQ(restore(Seconds{1000}, kWall + kHourMs).bindings, 0u);
  next_life();  // and is right again
  EXPECT_EQ(restore(Seconds{1000}).bindings, 1u);
  next_life();  // now too early: it seems to have registered in the future
  EXPECT_EQ(restore(Seconds{1000}, kWall - kHourMs).bindings, 0u);
  next_life();
  rules.longest = Seconds{500};
  EXPECT_EQ(restore(Seconds{1000}).bindings, 1u);
  EXPECT_EQ(of("u1").at(0).expires, Seconds{1500});
}

TEST_F(BindingStoreTest, AnAddressThatIsNoLongerOursLeadsNowhere) {
  restore(Seconds{1000});
  put("u1", {binding_of("sip:u1", Seconds{2000})});
  write(Seconds{1000});
  std::vector<std::string> asked;
  rules.ours = [&](const base::Endpoint& local) {
    asked.push_back(local.text());
    return false;
  };
  std::vector<std::string> found;
  rules.found = [&](const sip::Binding& binding) { found.emplace_back(binding.uri()); };
  next_life();
  restore(Seconds{1000});
  EXPECT_TRUE(of("u1").at(0).silent);
  EXPECT_EQ(asked, std::vector<std::string>{"192.0.2.1:5060"});
  EXPECT_EQ(found, std::vector<std::string>{"sip:u1"});
}

// An account that was removed while the file was read, and is somebody else's now.
TEST_F(BindingStoreTest, WhoIsRemovedMeanwhileIsGoneFromTheFileToo) {
  restore(Seconds{1000});
  put("u1", {binding_of("sip:former", Seconds{2000})});
  write(Seconds{1000});
  next_life();
  table->forget(accounts.key_of("u1", kRealm));
  EXPECT_EQ(restore(Seconds{1000}).bindings, 0u);
  EXPECT_EQ(write(Seconds{1000}), 1u);
  next_life();
  EXPECT_EQ(restore(Seconds{1000}).bindings, 0u);
}

// Another process holds the file: nothing is lost, and what waits is no more than one state of each
// account.
TEST_F(BindingStoreTest, WhatCouldNotBeWrittenIsWrittenLater) {
  restore(Seconds{1000});
  put("u1", {binding_of("sip:old", Seconds{2000})});
  put("u2", {binding_of("sip:two", Seconds{2000})});
  {
    auto other = store::Database::open(folder.path("registrations.db"), kBindingSchema);
    ASSERT_TRUE(other.ok());
    ASSERT_TRUE(other->run("BEGIN IMMEDIATE").ok());
    EXPECT_FALSE(store->write_changes(*table, Seconds{1000}, kWall).ok());
    put("u1", {binding_of("sip:new", Seconds{2000})});
    table->forget(accounts.key_of("u2", kRealm));
    for (int i = 0; i < 1000; ++i) {
      put("u3", {binding_of("sip:three", Seconds{2000})});
      table->forget(accounts.key_of("u3", kRealm));
    }
    ASSERT_TRUE(other->run("ROLLBACK").ok());
  }
  EXPECT_EQ(write(Seconds{1000}), 2u + 3u) << "both states of two, the last of the third";
  next_life();
  EXPECT_EQ(restore(Seconds{1000}).bindings, 1u);
  EXPECT_EQ(of("u1").at(0).uri(), "sip:new");
}

TEST_F(BindingStoreTest, AnotherFileIsRefused) {
  auto database = store::Database::open(folder.path("other.db"),
                                        std::array<std::string_view, 2>{"SELECT 1", "SELECT 2"});
  ASSERT_TRUE(database.ok());
  const auto opened = BindingStore::open(folder.path("other.db"), random);
  ASSERT_FALSE(opened.ok());
  EXPECT_NE(opened.error_text().find("other.db"), std::string::npos) << opened.error_text();
}

}  // namespace
}  // namespace tandem::registrar
