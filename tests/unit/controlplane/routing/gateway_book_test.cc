// Gateways set while the switch runs: what is taken, what is refused and why, and what a restart
// finds.
#include "controlplane/routing/gateway_book.h"

#include <gtest/gtest.h>

#include "tests/unit/drivers/base/temp_folder.h"

namespace tandem::routing {
namespace {

using config::Words;

class GatewayBookTest : public ::testing::Test {
 protected:
  GatewayBookTest() {
    config::Port port;
    port.name = "callee";
    port.network = *base::Ip4Prefix::parse("10.77.2.1/24");
    port.address = *base::IpAddress::parse("10.77.2.1");
    port.sip_port = 5060;
    site.ports.push_back(port);
    auto file = base::SettingsFile::of_words(
        {{"name", "filed"}, {"kind", "mapping"}, {"address", "10.77.1.2"}, {"capacity", "5"}});
    auto table = file.root();
    site.gateways.push_back(config::read_gateway(table, site, {}, {}));
    open();
  }

  void open() {
    book.reset();
    auto opened = GatewayBook::open(
        {.path = folder.path("gateways.db"),
         .site = site,
         .checks = {.is_list = [](auto name) { return name == "vip"; }},
         .needed_by = [this](const std::string& name) { return name == needed ? "a route" : ""; }});
    ASSERT_TRUE(opened.ok()) << opened.error_text();
    book = std::move(opened).value();
  }
  static Words vendor(const std::string& name, const std::string& address) {
    return {{"name", name}, {"kind", "routing"}, {"address", address}};
  }
  std::vector<std::string> names() const {
    std::vector<std::string> out;
    for (const auto& gateway : book->gateways()) out.push_back(gateway.name);
    return out;
  }
  using Names = std::vector<std::string>;

  test::TempFolder folder;
  config::Site site;
  std::string needed;
  std::unique_ptr<GatewayBook> book;
};

TEST_F(GatewayBookTest, WhatIsAddedIsThereAfterARestart) {
  auto words = vendor("bcorp", "10.77.2.2");
  words.emplace_back("capacity", "7");
  words.emplace_back("SS_SIP_TIMEOUT_INVITE", "4");
  const auto added = book->add(words);
  ASSERT_TRUE(added.ok()) << added.error_text();
  EXPECT_EQ(added->capacity, 7u);
  EXPECT_EQ(added->port, 0u);
  open();
  EXPECT_EQ(names(), (Names{"filed", "bcorp"}));
  EXPECT_EQ(book->find("bcorp")->capacity, 7u);
  EXPECT_EQ(book->find("bcorp")->overrides.size(), 1u);
  EXPECT_TRUE(book->left_out().empty());
  EXPECT_EQ(book->add(vendor("bcorp", "10.77.2.3")).error_text(),
            "there is a gateway bcorp already");
}

TEST_F(GatewayBookTest, OnlyWhatIsNamedIsChanged) {
  ASSERT_TRUE(book->add(vendor("bcorp", "10.77.2.2")).ok());
  ASSERT_TRUE(book->set("bcorp", {{"capacity", "3"}, {"locked", "on"}}).ok());
  auto changed = book->set("bcorp", {{"capacity", "4"}});
  ASSERT_TRUE(changed.ok());
  EXPECT_EQ(changed->capacity, 4u);
  EXPECT_TRUE(changed->locked);
  // Without a value: as by default.
  changed = book->set("bcorp", {{"capacity", ""}});
  EXPECT_EQ(changed->capacity, 0u);
  EXPECT_EQ(book->set("nobody", {{"capacity", "4"}}).error_text(), "there is no gateway nobody");
  EXPECT_EQ(book->set("bcorp", {{"kind", "mapping"}}).error_text(),
            "kind: can't be changed; remove the gateway, and add it again");
}

TEST_F(GatewayBookTest, ARefusedChangeLeavesEverythingAsItWas) {
  ASSERT_TRUE(book->add(vendor("bcorp", "10.77.2.2")).ok());
  EXPECT_EQ(book->set("bcorp", {{"capacity", "x"}, {"probe", "99999"}}).error_text(),
            "capacity: must be a whole number; probe: 99999 is outside 0..3600");
  EXPECT_EQ(book->add(vendor("far", "192.0.2.1")).error_text(),
            "address: lies in no port's network: say which with port = \"NAME\"");
  EXPECT_EQ(
      book->add({{"name", "other"}, {"kind", "mapping"}, {"address", "10.77.1.2"}}).error_text(),
      "address: 10.77.1.2 is also that of gateway filed");
  EXPECT_EQ(book->add(vendor("a,b", "10.77.2.3")).error_text(),
            "name: must be 1..64 visible characters without , = and quotes");
  EXPECT_FALSE(book->add({{"kind", "routing"}}).ok());
  open();
  EXPECT_EQ(names(), (Names{"filed", "bcorp"}));
  EXPECT_EQ(book->find("bcorp")->capacity, 0u);
}

TEST_F(GatewayBookTest, WhatIsSetLiesOverTheSiteFile) {
  ASSERT_TRUE(book->set("filed", {{"locked", "on"}, {"capacity", "9"}}).ok());
  open();
  EXPECT_EQ(book->find("filed")->capacity, 9u);
  EXPECT_TRUE(book->find("filed")->locked);
  EXPECT_EQ(book->set_words("filed"), (Words{{"capacity", "9"}, {"locked", "on"}}));
  const auto back = book->set("filed", {{"capacity", ""}});
  ASSERT_TRUE(back.ok()) << back.error_text();
  EXPECT_EQ(back->capacity, 5u);  // the file's
  EXPECT_EQ(book->remove("filed").error_text(),
            "gateway filed stands in the site file; lock it instead");
  EXPECT_TRUE(book->in_file("filed"));
  EXPECT_FALSE(book->in_file("bcorp"));
}

TEST_F(GatewayBookTest, OneThatIsNeededIsNotRemoved) {
  ASSERT_TRUE(book->add(vendor("bcorp", "10.77.2.2")).ok());
  needed = "bcorp";
  EXPECT_EQ(book->remove("bcorp").error_text(), "gateway bcorp is needed by a route");
  needed.clear();
  EXPECT_TRUE(book->remove("bcorp").ok());
  EXPECT_EQ(book->remove("bcorp").error_text(), "there is no gateway bcorp");
  open();
  EXPECT_EQ(names(), (Names{"filed"}));
}

TEST_F(GatewayBookTest, WhatNoLongerFitsTheFileIsLeftOutNotLost) {
  ASSERT_TRUE(book->add(vendor("bcorp", "10.77.2.2")).ok());
  site.ports[0].network = *base::Ip4Prefix::parse("10.99.2.1/24");
  open();
  EXPECT_EQ(names(), (Names{"filed"}));
  ASSERT_EQ(book->left_out().size(), 1u);
  EXPECT_EQ(book->left_out()[0],
            "gateway bcorp: address: lies in no port's network: say which with port = \"NAME\"");
  site.ports[0].network = *base::Ip4Prefix::parse("10.77.2.1/24");
  open();
  EXPECT_EQ(names(), (Names{"filed", "bcorp"}));
}

TEST_F(GatewayBookTest, ListsMustBeThereWhenTheyAreNamedNotWhenItStarts) {
  ASSERT_TRUE(book->set("filed", {{"lists", "vip"}, {"capacity", "9"}}).ok());
  EXPECT_EQ(book->set("filed", {{"lists", "vap"}}).error_text(), "lists: there is no list \"vap\"");
  open();
  EXPECT_TRUE(book->left_out().empty());
  EXPECT_EQ(book->find("filed")->capacity, 9u);
  EXPECT_EQ(book->find("filed")->lists, (std::vector<std::string>{"vip"}));
}

TEST_F(GatewayBookTest, AnImportIsAllOrNothing) {
  const std::vector<GatewayBook::Row> rows{{2, vendor("one", "10.77.2.2")},
                                           {3, vendor("two", "10.99.2.2")},
                                           {4, vendor("three", "10.77.2.4")},
                                           {5, {{"name", "filed"}, {"capacity", "1"}}}};
  const auto refused = book->import(rows, false);
  ASSERT_TRUE(refused.ok());
  EXPECT_FALSE(refused->report.kept);
  ASSERT_EQ(refused->report.faults.size(), 1u);
  EXPECT_EQ(refused->report.faults[0].line, 3u);
  EXPECT_EQ(names(), (Names{"filed"}));
  EXPECT_EQ(book->find("filed")->capacity, 5u);
  const auto taken = book->import(rows, true);
  ASSERT_TRUE(taken.ok());
  EXPECT_TRUE(taken->report.kept);
  EXPECT_EQ(taken->report.added, 2u);
  EXPECT_EQ(taken->report.changed, 1u);
  EXPECT_EQ(taken->taken.size(), 3u);
  open();
  EXPECT_EQ(names(), (Names{"filed", "one", "three"}));
  EXPECT_EQ(book->find("filed")->capacity, 1u);
}

}  // namespace
}  // namespace tandem::routing
