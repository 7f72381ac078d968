// What an operator may say of a registration of ours, and that it is on disk, for its owner alone.
#include "controlplane/registrar/outbound_book.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "controlplane/registrar/outbound_rows.h"
#include "tests/unit/drivers/base/temp_folder.h"

namespace tandem::registrar {
namespace {

class OutboundBookTest : public ::testing::Test {
 protected:
  OutboundBookTest() {
    const auto port = [this](const char* name, const char* network, std::uint16_t sip_port) {
      config::Port made{.name = name, .address = {}, .network = {}, .sip_port = sip_port};
      made.network = *base::Ip4Prefix::parse(network);
      made.address = base::IpAddress::ip4_raw(made.network.network_order);
      site.ports.push_back(made);
    };
    port("near", "10.77.1.1/24", 5060);
    port("far", "10.77.2.1/24", 5070);
    port("media", "10.77.3.1/24", 0);
    site.listeners.push_back({.name = "secure",
                              .protocol = base::Protocol::kTls,
                              .address = *base::Endpoint::parse("192.0.2.1:5061", 0)});
    start();
  }
  // As a new process would.
  void start() {
    book.reset();
    auto opened = OutboundBook::open(
        {.path = path,
         .site = site,
         .changed =
             [this](const auto& name, const auto* now) {
               changes.push_back(name + (now == nullptr ? " gone" : " " + now->server));
             },
         .needed_by = [this](const auto& name) { return name == needed ? "gateway b" : ""; }});
    ASSERT_TRUE(opened.ok()) << opened.error_text();
    book = std::move(opened).value();
  }
  static OutboundWords words(OutboundWords more = {}) {
    OutboundWords out{
        {"name", "bcorp"}, {"server", "10.77.2.2"}, {"user", "4930"}, {"password", "s3cret"}};
    for (auto& [name, value] : more) out[name] = value;
    return out;
  }
  std::string refusal(const OutboundWords& more) {
    const auto added = book->add(words(more));
    return added ? "taken" : added.error_text();
  }

  test::TempFolder folder;
  const std::string path = folder.path("store.db");
  config::Site site;
  std::unique_ptr<OutboundBook> book;
  std::vector<std::string> changes;
  std::string needed;  // by a gateway
};

TEST_F(OutboundBookTest, IsThereAtOnceAndAfterARestart) {
  const auto added = book->add(words({{"proxy", "sip.bcorp.example:5070"},
                                      {"port", "near"},
                                      {"auth_user", "prover"},
                                      {"expiry", "auto"},
                                      {"retry_delay", "30"},
                                      {"send_unregister", "off"},
                                      {"privacy", "none"}}));
  ASSERT_TRUE(added.ok()) << added.error_text();
  EXPECT_EQ(changes, (std::vector<std::string>{"bcorp 10.77.2.2"}));
  ASSERT_TRUE(book->add(words({{"name", "plain"}})).ok());
  const auto before = book->all();
  start();
  EXPECT_EQ(book->all(), before);
  const OutboundRecord& kept = book->all().at("bcorp");
  EXPECT_EQ(kept.expiry, base::Seconds{0});
  EXPECT_EQ(kept.retry_delay, base::Seconds{30});
  EXPECT_EQ(kept.send_unregister, false);
  EXPECT_EQ(kept.privacy, Privacy::kNone);
  EXPECT_EQ(kept.password, "s3cret");
  EXPECT_EQ(book->all().at("plain").expiry, std::nullopt);
  EXPECT_EQ(book->all().at("plain").port, "far") << "whose network the server lies in";
}

TEST_F(OutboundBookTest, ItsFileIsItsOwnersAlone) {
  using std::filesystem::perms;
  ASSERT_TRUE(book->add(words()).ok());
  std::filesystem::permissions(path, perms::owner_all | perms::group_all | perms::others_read);
  start();
  for (const auto& file : {path, path + "-wal", path + "-shm"}) {
    EXPECT_EQ(std::filesystem::status(file).permissions(), perms::owner_read | perms::owner_write)
        << file;
  }
}

TEST_F(OutboundBookTest, SetChangesWhatIsSaid) {
  ASSERT_TRUE(book->add(words({{"expiry", "300"}})).ok());
  changes.clear();
  ASSERT_TRUE(book->set({{"name", "bcorp"}, {"expiry", "300"}}).ok());
  EXPECT_TRUE(changes.empty()) << "it was so already";
  const auto changed = book->set({{"name", "bcorp"}, {"expiry", ""}, {"listener", "secure"}});
  ASSERT_TRUE(changed.ok()) << changed.error_text();
  EXPECT_EQ(changed->expiry, std::nullopt);
  EXPECT_EQ(changed->listener, "secure");
  EXPECT_EQ(changed->port, "");
  EXPECT_EQ(changed->user, "4930");
  EXPECT_EQ(changes.size(), 1u);
  EXPECT_EQ(book->set({{"name", "nobody"}}).error_text(), "there is no registration \"nobody\"");
  EXPECT_EQ(book->add(words()).error_text(), "there is a registration \"bcorp\" already");
}

TEST_F(OutboundBookTest, RemovedIsGone) {
  ASSERT_TRUE(book->add(words()).ok());
  needed = "bcorp";
  EXPECT_EQ(book->remove("bcorp").error_text(), "registration \"bcorp\" is needed by gateway b");
  needed = "";
  ASSERT_TRUE(book->remove("bcorp").ok());
  EXPECT_EQ(changes.back(), "bcorp gone");
  EXPECT_FALSE(book->remove("bcorp").ok());
  start();
  EXPECT_TRUE(book->all().empty());
}

TEST_F(OutboundBookTest, WhatMakesNoSenseIsRefusedInWords) {
  EXPECT_EQ(refusal({{"name", "b corp"}}),
            "a registration's name is 1 to 32 letters, digits and -_.");
  EXPECT_EQ(refusal({{"server", ""}}), "a registration needs a server");
  EXPECT_EQ(refusal({{"server", "10.77.2"}}),
            "\"10.77.2\" is neither an IPv4 address nor a host name, with or without a port");
  EXPECT_EQ(refusal({{"proxy", "a:0"}}),
            "\"a:0\" is neither an IPv4 address nor a host name, with or without a port");
  EXPECT_EQ(refusal({{"user", ""}}), "a registration needs a user");
  EXPECT_EQ(refusal({{"user", "a@b"}}), "a user is 1 to 64 letters, digits and -_.!~*'()&=+$,;?/");
  EXPECT_EQ(refusal({{"password", ""}}), "a registration needs a password");
  EXPECT_EQ(refusal({{"password", "a\r\nb"}}),
            "a password has 1 to 128 octets, none of them a control character");
  EXPECT_EQ(refusal({{"auth_user", "a\nb"}}),
            "an auth_user has at most 128 octets, none of them a control character");
  for (const auto* expiry : {"19", "7201", "x", "0"}) {
    EXPECT_EQ(refusal({{"expiry", expiry}}), "expiry must be auto or 20..7200 s") << expiry;
  }
  for (const auto* delay : {"29", "601", "auto"}) {
    EXPECT_EQ(refusal({{"retry_delay", delay}}), "retry_delay must be 30..600 s") << delay;
  }
  EXPECT_EQ(refusal({{"send_unregister", "yes"}}), "send_unregister must be on or off");
  EXPECT_EQ(refusal({{"privacy", "header"}}), "privacy must be ignore, id or none");
  EXPECT_EQ(refusal({{"port", "x"}}), "there is no port \"x\"");
  EXPECT_EQ(refusal({{"port", "media"}}), "port \"media\" has no sip_port");
  EXPECT_EQ(refusal({{"listener", "x"}}), "there is no listener \"x\"");
  EXPECT_EQ(refusal({{"listener", "secure"}, {"port", "near"}}),
            "a port and a listener are one too many: it leaves by one of them");
  EXPECT_EQ(refusal({{"server", "sip.example"}}),
            "by which port or listener sip.example is reached isn't known: say port or listener");
  // Which port the network's address stands for, and which other server it would be.
  EXPECT_EQ(refusal({{"server", site.ports[0].address.text()}}),
            site.ports[0].address.text() + " is this switch's own");
  EXPECT_EQ(refusal({{"proxy", "192.0.2.1"}, {"listener", "secure"}}),
            "192.0.2.1 is this switch's own");
  EXPECT_EQ(refusal({{"host", "x"}}), "there is no \"host\" in a registration");
  EXPECT_TRUE(book->all().empty());
  EXPECT_TRUE(changes.empty());
}

TEST_F(OutboundBookTest, Imports) {
  ASSERT_TRUE(book->add(words()).ok());
  changes.clear();
  const auto csv = book->import(
      "name,server,user,password,expiry\r\nbcorp,10.77.2.3,4930,\"s3,cret\",\r\n"
      "\r\nccorp,10.77.2.4,4931,x,600\r\n",
      false);
  ASSERT_TRUE(csv.ok()) << csv.error_text();
  EXPECT_TRUE(csv->kept);
  EXPECT_EQ(csv->added, 1u);
  EXPECT_EQ(csv->changed, 1u);
  EXPECT_EQ(book->all().at("bcorp").password, "s3,cret");
  EXPECT_EQ(changes, (std::vector<std::string>{"bcorp 10.77.2.3", "ccorp 10.77.2.4"}));
  start();
  EXPECT_EQ(book->all().size(), 2u);
}

TEST_F(OutboundBookTest, OneBadRowAndNothingIsTaken) {
  const std::string rows =
      "{\"name\":\"a\",\"server\":\"10.77.2.3\",\"user\":\"u\",\"password\":\"p\",\"expiry\":60}\n"
      "{\"name\":\"b\",\"server\":\"10.77.2.3\"}\nnothing\n"
      "{\"name\":\"a\",\"user\":\"v\"}\n{\"name\":[]}\n";
  const auto refused = book->import(rows, false);
  ASSERT_TRUE(refused.ok());
  EXPECT_FALSE(refused->kept);
  ASSERT_EQ(refused->faults.size(), 4u);
  EXPECT_EQ(refused->faults[0].reason, "a registration needs a user");
  EXPECT_EQ(refused->faults[1].line, 3u);
  EXPECT_EQ(refused->faults[1].reason, "this is no JSON");
  EXPECT_EQ(refused->faults[2].reason, "a was in line 1 already");
  EXPECT_EQ(refused->faults[3].reason, "name has a value of the wrong kind");
  EXPECT_TRUE(book->all().empty());
  const auto kept = book->import(rows, true);
  ASSERT_TRUE(kept.ok());
  EXPECT_TRUE(kept->kept);
  EXPECT_EQ(book->all().size(), 1u);
  for (const auto& [text, fault] :
       {std::pair{"name,colour\n", "line 1: there is no column \"colour\""},
        {"name,name\n", "line 1: column \"name\" is there twice"},
        {"\nuser\n", "line 2: the first line must name the columns, one of them \"name\""}}) {
    EXPECT_EQ(book->import(text, true).error_text(), fault);
  }
}

}  // namespace
}  // namespace tandem::registrar
