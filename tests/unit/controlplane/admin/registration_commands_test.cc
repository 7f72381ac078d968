// Our registrations with others by the operator's hand: tandemctl's end of a real control socket,
// the socket, the book on its thread, and two shards that are errands' alone.
#include "controlplane/admin/registration_commands.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <atomic>
#include <optional>
#include <sstream>
#include <thread>

#include "tests/unit/controlplane/admin/command_door.h"
#include "tests/unit/controlplane/registrar/registered_phones.h"

namespace tandem::admin {
namespace {

struct Shard {
  explicit Shard(std::uint32_t number) {
    env.shard = number;
    thread = std::thread([this] {
      while (!stop) {
        inbox.run();
        std::this_thread::yield();
      }
    });
  }
  ~Shard() {
    stop = true;
    thread.join();
  }

  loop::TimerWheel wheel{base::Millis{1}, 8192, base::Seconds{1000}};
  test::Outbox out{wheel};
  wire::CounterBlock counters;
  base::SeededRandom random{1};
  sip::Environment env{.wheel = wheel, .transport = out, .counters = counters, .random = random};
  config::Parameters parameters;
  registrar::Upstreams upstreams{6, random};
  registrar::OutboundRegistrations part{
      {.env = env, .parameters = parameters, .upstreams = upstreams, .shards = 2}};
  loop::Inbox inbox;
  std::atomic<bool> stop{false};
  std::thread thread;
};

class RegistrationCommandsTest : public CommandDoorTest {
 protected:
  RegistrationCommandsTest() {
    config::Port port{.name = "far", .address = {}, .network = {}, .sip_port = 5060};
    port.network = *base::Ip4Prefix::parse("10.77.2.1/24");
    port.address = base::IpAddress::ip4_raw(port.network.network_order);
    site.ports.push_back(port);
    auto opened = registrar::OutboundBook::open(
        {.path = folder.path("store.db"),
         .site = site,
         .changed = [this](const std::string& name, const registrar::OutboundRecord* now) {
           for (Shard* shard : {&first, &second}) {
             if (now == nullptr) {
               shard->inbox.post([shard, name] { shard->part.remove(name); });
               continue;
             }
             registrar::OutboundOrder order{.record = *now, .way = {}};
             order.places = {test::at("10.77.2.2:5060")};
             shard->inbox.post([shard, order] { shard->part.apply(order); });
           }
         }});
    EXPECT_TRUE(opened.ok());
    book = std::move(opened).value();
    commands.emplace(
        loop, book.get(),
        std::vector<RegistrationShard>{{first.inbox, first.part}, {second.inbox, second.part}});
    open_door(*commands);
  }
  ~RegistrationCommandsTest() override {
    close_door();
    commands.reset();
  }

  static Json words(const std::string& name) {
    return {{"name", name}, {"server", "10.77.2.2"}, {"user", "4930"}, {"password", "s3cret"}};
  }

  config::Site site;
  Shard first{0};
  Shard second{1};
  std::unique_ptr<registrar::OutboundBook> book;
  std::optional<RegistrationCommands> commands;
};

TEST_F(RegistrationCommandsTest, OnesLife) {
  const Json added = done("registration add", words("bcorp"));
  EXPECT_EQ(added["port"], "far");
  EXPECT_EQ(added["expiry"], nullptr);
  EXPECT_EQ(added.dump().find("s3cret"), std::string::npos);
  const Json set = done("registration set", {{"name", "bcorp"}, {"expiry", 300}});
  EXPECT_EQ(set["expiry"], 300);
  EXPECT_EQ(done("registration set", {{"name", "bcorp"}, {"expiry", "auto"}})["expiry"], "auto");
  const Json shown = done("registration show", {{"name", "bcorp"}});
  EXPECT_EQ(shown["registrations"].size(), 1u);
  EXPECT_EQ(shown["registrations"][0]["password"], "***");
  const Json live = done("show registrations");
  EXPECT_EQ(live["total"], 1);
  EXPECT_EQ(live["registered"], 0);
  EXPECT_EQ(live["registrations"][0]["name"], "bcorp");
  EXPECT_EQ(live["registrations"][0]["state"], "trying");
  EXPECT_EQ(done("registration retry", {{"name", "bcorp"}})["name"], "bcorp");
  EXPECT_EQ(done("registration del", {{"name", "bcorp"}})["password"], "***");
  EXPECT_EQ(done("show registrations")["total"], 0);
}

TEST_F(RegistrationCommandsTest, WhatMakesNoSenseIsRefusedInWords) {
  EXPECT_EQ(refused("registration add", {{"name", "a"}}), "a registration needs a server");
  EXPECT_EQ(refused("registration add", {{"name", nullptr}}), "name has a value of the wrong kind");
  EXPECT_EQ(refused("registration del"), "there is no registration \"\"");
  EXPECT_EQ(refused("registration retry", {{"name", "x"}}), "there is no registration \"x\"");
  EXPECT_EQ(refused("registration show", {{"name", "x"}}), "there is no registration \"x\"");
  EXPECT_EQ(refused("registration sideways"), "not here: registration sideways");
  EXPECT_EQ(refused("registration import rows", {{"import", 1}}), "this import is not under way");
  RegistrationCommands nowhere(loop, nullptr, {});
  std::string told;
  EXPECT_TRUE(nowhere.run("registration add", Json::object(),
                          [&](const base::Result<Json>& result) { told = result.error_text(); }));
  EXPECT_EQ(told, "the site file has no [store] to keep registrations in");
}

// Both shards have some of them, and they are shown in order.
TEST_F(RegistrationCommandsTest, AFileInManyPieces) {
  std::string csv = "name,server,user,password\n";
  for (int i = 0; i < 2000; ++i) {
    csv += fmt::format("r{:04},10.77.2.2,user{},\"a rather long password, {}\"\n", i, i, i);
  }
  std::istringstream file(csv);
  const Outcome imported = import_file(client, "registration", {{"keep_going", false}}, file);
  EXPECT_EQ(imported.result["added"], 2000) << imported.error;
  const Json live = done("show registrations");
  ASSERT_EQ(live["total"], 2000);
  EXPECT_EQ(live["registrations"][0]["name"], "r0000");
  EXPECT_EQ(live["registrations"][1999]["name"], "r1999");
  std::istringstream bad("name\nx\n");
  const Outcome refusal = import_file(client, "registration", {{"keep_going", false}}, bad);
  EXPECT_EQ(refusal.result["kept"], false);
  EXPECT_EQ(refusal.result["faults"][0]["reason"], "a registration needs a server");
}

}  // namespace
}  // namespace tandem::admin
