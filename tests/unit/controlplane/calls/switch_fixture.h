// A whole switch in one thread: user agent, calls, media hand and journal, between two phones on a
// virtual network. The test plays the worker at the far end of the corridor.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "controlplane/calls/call_service.h"
#include "tests/unit/controlplane/phone.h"

namespace tandem::test {

inline constexpr const char* kSwitch = "10.77.1.1:5060";

inline bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

class SwitchTest : public ::testing::Test {
 protected:
  // `set`: parameters besides the fixture's own.
  static config::Site make_site(const std::vector<std::pair<std::string, std::string>>& set = {}) {
    config::Site site;
    auto& plan = site.corridor.plan;
    plan.address_count = 2;
    plan.addresses[0] = base::IpAddress::ip4(10, 77, 1, 1);
    plan.addresses[1] = base::IpAddress::ip4(10, 77, 2, 1);
    site.ports = {{"in", plan.addresses[0], *base::Ip4Prefix::parse("10.77.1.1/24"), 5060},
                  {"out", plan.addresses[1], *base::Ip4Prefix::parse("10.77.2.1/24"), 5060}};
    config::Gateway acme{"acme", config::GatewayKind::kMapping, {at("10.77.1.2")}, 2, 0};
    acme.addresses.front().port = 0;
    site.gateways = {acme,
                     {"bcorp", config::GatewayKind::kRouting, {at("10.77.2.2")}, 1, 1},
                     {"dead", config::GatewayKind::kRouting, {at("10.77.2.9")}, 0, 1},
                     {"far", config::GatewayKind::kRouting, {at("10.77.2.2")}, 0, 1, {}, 1}};
    site.routes = {{"49", 1}, {"33", 2}, {"44", 3}};
    site.listeners = {{"near", base::Protocol::kUdp, at("10.77.8.1"), 0},
                      {"far", base::Protocol::kUdp, at("10.77.9.1"), 1}};
    CHECK(site.parameters.set("SS_RTP_PORT_RANGE", "20000,20019").ok());
    CHECK(site.parameters.set("SS_SIP_TIMEOUT_INVITE", "3").ok());
    CHECK(site.parameters.set("SS_SIP_TIMEOUT_RINGING", "10").ok());
    for (const auto& [parameter, value] : set) CHECK(site.parameters.set(parameter, value).ok());
    return site;
  }

  SwitchTest() : SwitchTest(make_site()) {}
  explicit SwitchTest(config::Site configured) : site(std::move(configured)) {
    std::filesystem::remove(journal_path);
    std::filesystem::remove(open_calls_path);
    CHECK(journal.open(journal_path).ok());
    CHECK(open_calls.open(open_calls_path).ok());
    calls.keep_in(open_calls);
    env.timers.resend_gaps = site.parameters.SS_SIP_RESEND_INTERVAL;
    calls.attach(agent);
    worker.attach();
    for (const auto& port : site.ports) net.attach(port.address, agent);
    for (const auto& listener : site.listeners) net.attach(listener.address.address, agent);
    net.on_idle([this] {
      work();
      datapath.poll(calls);
      agent.tidy();
      calls.tidy();
    });
    bob.on_call = [](sip::InviteSession& call) {
      call.progress(180);
      call.accept("application/sdp", kAnswer);
    };
  }
  ~SwitchTest() override {
    segment.leave();
    std::filesystem::remove(journal_path);
    std::filesystem::remove(open_calls_path);
  }

  // The worker's part: knows its open flows, answers closes with figures.
  void work() {
    wire::Command command;
    while (worker.commands.dequeue(std::span(&command, 1)) == 1) {
      if (command.kind == wire::CommandKind::kSetPayloadKey) {
        const auto& set = command.set_key;
        EXPECT_LE(set.size, set.octets.size()) << "a key of one piece";
        payload_keys[set.name] = std::string(set.octets.begin(), set.octets.begin() + set.size);
      } else if (command.kind == wire::CommandKind::kForgetPayloadKey) {
        EXPECT_EQ(payload_keys.erase(command.forget_key.name), 1u);
      } else if (command.kind == wire::CommandKind::kSetSrtp) {
        const auto& set = command.set_srtp;
        EXPECT_EQ(flows.at({set.key.address, set.key.port}).generation, set.generation);
        srtp[{set.key.address, set.key.port}] = set;
      } else if (command.kind == wire::CommandKind::kPlay) {
        const auto& play = command.play;
        EXPECT_EQ(flows.at({play.key.address, play.key.port}).generation, play.generation);
        plays.push_back(play);
      } else if (command.kind == wire::CommandKind::kStopPlay) {
        ++stopped;
      } else if (command.kind == wire::CommandKind::kSendDigit) {
        digits.push_back(command.send_digit);
      } else if (command.kind == wire::CommandKind::kSetEvents) {
        const auto& set = command.set_events;
        events_of[{set.key.address, set.key.port}] = set;
      } else if (command.kind == wire::CommandKind::kOpenFlow) {
        flows[{command.open.key.address, command.open.key.port}] = command.open;
      } else if (command.kind == wire::CommandKind::kUpdateFlow) {
        auto& flow = flows.at({command.update.key.address, command.update.key.port});
        flow.remote = command.update.remote;
        flow.kind = command.update.kind;
        flow.clock_khz = command.update.clock_khz;
      } else if (command.kind == wire::CommandKind::kCloseFlow && !mute) {
        const auto key = command.close.key;
        const auto flow = flows.find({key.address, key.port});
        if (flow == flows.end()) continue;
        wire::Event event;
        event.kind = wire::EventKind::kFlowClosed;
        event.closed.key = key;
        event.closed.generation = command.close.generation;
        event.closed.cookie = flow->second.cookie;
        event.closed.figures.packets = key.address == 0 ? 111 : 222;
        event.closed.figures.lost = packets_lost;
        if (flow->second.kind == wire::FlowKind::kRtp) {
          event.closed.report = reports[key.address];
        }
        worker.events.enqueue(event);
        flows.erase(flow);
        srtp.erase({key.address, key.port});
      }
    }
  }
  // The only record so far; all of them by records().
  nlohmann::json record() {
    const auto all = records();
    EXPECT_EQ(all.size(), 1u);
    return all.empty() ? nlohmann::json() : all.front();
  }
  std::vector<nlohmann::json> records() {
    journal.stop();
    std::vector<nlohmann::json> out;
    std::ifstream file(journal_path);
    for (std::string line; std::getline(file, line);) out.push_back(nlohmann::json::parse(line));
    return out;
  }
  // After every call: nothing is left but quarantined ports.
  void expect_nothing_left() {
    net.run(base::Seconds{70});
    EXPECT_EQ(calls.live(), 0u);
    EXPECT_EQ(agent.live_sessions(), 0u);
    EXPECT_EQ(agent.live_transactions(), 0u);
    EXPECT_EQ(datapath.live_flows(), 0u);
    EXPECT_TRUE(payload_keys.empty());
    EXPECT_EQ(ports.free_places(), 20u);
    EXPECT_EQ(gateways.load(0), 0u);
    EXPECT_EQ(gateways.load(1), 0u);
    EXPECT_EQ(net.wheel().live(), 0u);
  }

  const std::string name = "tandem-test-calls-" + std::to_string(getpid());
  const std::string journal_path = "/tmp/" + name + ".jsonl";
  const std::string open_calls_path = "/dev/shm/" + name + ".calls";
  const config::Site site;
  VirtualNet net;
  VirtualNet::Port way_out{net};
  wire::CounterBlock counters;
  base::SeededRandom random{1};
  sip::Environment env{
      .wheel = net.wheel(), .transport = way_out, .counters = counters, .random = random};
  wire::Segment segment =
      wire::Segment::open(name, site.corridor.plan, wire::Side::kControlplane).value();
  wire::WorkerEnd worker = wire::worker_end(segment.channel(0, 0));
  wire::ControlEnd control = wire::control_end(segment.channel(0, 0));
  media::Datapath datapath{segment, {&control}, segment.announce(), counters};
  media::MediaPorts ports{site.corridor.plan,
                          0,
                          site.parameters.SS_RTP_PORT_RANGE,
                          site.parameters.TD_RTCP_PORTS == config::Parameters::RtcpPorts::on,
                          [](wire::FlowKey) { return false; },
                          counters};
  routing::GatewayTable gateways{site.gateways};
  routing::Routes published{std::make_shared<routing::RouteTable>(site.routes)};
  routing::Screenings screenings;
  routing::Router routes{{.routes = published,
                          .parameters = site.parameters,
                          .random = random,
                          .screenings = &screenings}};
  // The only list that there is.
  void put_list(const std::string& list, routing::NumberList::Kind kind, routing::Verdict otherwise,
                const std::vector<routing::ListEntry>& entries) {
    routing::Screening::Lists all;
    all[list] = std::make_shared<routing::NumberList>(list, kind, otherwise, entries);
    screenings.publish(std::make_shared<routing::Screening>(std::move(all)));
  }
  cdr::OpenCalls open_calls;
  cdr::Journal journal{site.parameters.SERVER_MAX_CDR_PENDING_LIST_LENGTH, base::Millis{50}};
  calls::CallService calls{env, site, gateways, routes, datapath, ports, journal, "test"};
  sip::UserAgent agent{env, calls};
  Phone alice{net, "10.77.1.2:5060"};
  Phone bob{net, "10.77.2.2:5060"};
  std::map<std::pair<int, int>, wire::OpenFlow> flows;
  std::map<wire::PayloadKeyName, std::string> payload_keys;
  std::map<std::pair<std::uint16_t, std::uint16_t>, wire::SetSrtp> srtp;  // as `flows`
  std::vector<wire::Play> plays;                                          // all so far
  std::size_t stopped = 0;
  std::vector<wire::SendDigit> digits;
  std::map<std::pair<std::uint16_t, std::uint16_t>, wire::SetEvents> events_of;
  std::uint64_t packets_lost = 0;                  // of each party's packets
  std::array<wire::ReceptionReport, 2> reports{};  // the caller's and the callee's, by RTCP
  bool mute = false;                               // the worker answers nothing any more
};

}  // namespace tandem::test
