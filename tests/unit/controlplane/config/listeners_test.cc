#include "controlplane/config/listeners.h"

#include <gtest/gtest.h>

#include <sstream>

#include "controlplane/config/loader.h"
#include "tests/unit/drivers/base/temp_folder.h"

namespace tandem::config {
namespace {

using base::Protocol;

const std::string kPorts = R"([[port]]
name = "caller"
address = "10.77.1.1/24"
[[port]]
name = "callee"
address = "10.77.2.1/24"
)";

class Listeners : public ::testing::Test {
 protected:
  base::Result<Site> load(const std::string& text) {
    return load_site(path = folder.write("site.toml", kPorts + text));
  }
  // The faults, one a line, each "LINE: what is wrong", lines counted from behind the ports.
  std::vector<std::string> faults(const std::string& text) {
    const auto site = load(text);
    std::vector<std::string> out;
    if (site) return out;
    std::istringstream lines(site.error_text());
    for (std::string line; std::getline(lines, line);) {
      const auto rest = line.substr(path.size() + 1);
      const auto colon = rest.find(':');
      out.push_back(std::to_string(std::stoi(rest) - 6) + rest.substr(colon));
    }
    return out;
  }
  void refuses(const std::string& text, const std::string& sentence) {
    const auto found = faults(text);
    ASSERT_EQ(found.size(), 1u) << text << "\n" << (found.empty() ? "" : found.back());
    EXPECT_EQ(found[0], sentence);
  }

  const std::string udp_ = R"([[listener]]
name = "u"
protocol = "udp"
address = "192.0.2.1:5070"
port = "callee"
)";
  test::TempFolder folder;
  std::string path;
};

TEST_F(Listeners, OneIsReadWithTheMediaPortOfItsCalls) {
  const auto site = load(udp_);
  ASSERT_TRUE(site.ok()) << site.error_text();
  ASSERT_EQ(site->listeners.size(), 1u);
  EXPECT_EQ(site->listeners[0].name, "u");
  EXPECT_EQ(site->listeners[0].protocol, Protocol::kUdp);
  EXPECT_EQ(site->listeners[0].address.text(), "192.0.2.1:5070");
  EXPECT_EQ(site->listeners[0].port, 1u);
}

TEST_F(Listeners, AnAddressWithoutAPortHasTheProtocols) {
  const auto site = load(
      "[[listener]]\nname = \"u\"\nprotocol = \"udp\"\n"
      "address = \"192.0.2.1\"\nport = \"caller\"\n");
  ASSERT_TRUE(site.ok()) << site.error_text();
  EXPECT_EQ(site->listeners[0].address.port, 5060);
}

TEST_F(Listeners, AGatewayBehindOneHasItsMediaWhereItSays) {
  const auto site = load(udp_ + R"([[gateway]]
name = "a"
kind = "routing"
address = "198.51.100.7"
listener = "u"
[[gateway]]
name = "b"
kind = "routing"
address = "198.51.100.8"
listener = "u"
transport = "udp"
port = "caller"
)");
  ASSERT_TRUE(site.ok()) << site.error_text();
  EXPECT_EQ(site->gateways[0].listener, 0u);
  EXPECT_EQ(site->gateways[0].port, 1u);
  EXPECT_EQ(site->gateways[1].listener, 0u);
  EXPECT_EQ(site->gateways[1].port, 0u);
}

TEST_F(Listeners, AllFaultsAreToldAtOnce) {
  EXPECT_EQ(faults(udp_ + R"([[listener]]
name = "u"
protocol = "sctp"
address = "192.0.2.1:5070"
port = "elsewhere"
certificate_ = "x"
)"),
            (std::vector<std::string>{
                "7: [listener] name: is that of an earlier listener",
                "8: [listener] protocol: must be \"udp\", \"tcp\" or \"tls\"",
                "9: [listener] address: 192.0.2.1:5070 is also that of listener u",
                "10: [listener] port: there is no port \"elsewhere\" for its calls' media",
                "11: [listener] certificate_: is not a setting known here"}));
}

TEST_F(Listeners, AddressesThatCantBeListenedOnAreFaults) {
  const auto at = [](const std::string& address) {
    return "[[listener]]\nname = \"u\"\nprotocol = \"udp\"\nport = \"callee\"\naddress = \"" +
           address + "\"\n";
  };
  refuses(at("10.77.1.1:5080"),
          "5: [listener] address: 10.77.1.1 is a port's: the dataplane has it, not the kernel "
          "(sip_port is what makes a port listen)");
  refuses(at("0.0.0.0:5080"),
          "5: [listener] address: must be one address: peers are told it, and answer to it");
  refuses(at("lo:5080"), "5: [listener] address: \"lo:5080\" is not of the form 192.0.2.1:5060");
}

TEST_F(Listeners, WhatAGatewaySaysAboutThemMustFit) {
  const auto gateway = [&](const std::string& kind, const std::string& more) {
    return udp_ + "[[gateway]]\nname = \"a\"\nkind = \"" + kind +
           "\"\naddress = \"198.51.100.7\"\n" + more + "\n";
  };
  refuses(gateway("routing", "port = \"callee\"\nlistener = \"none\""),
          "11: [gateway] listener: there is no listener \"none\"");
  refuses(gateway("mapping", "listener = \"u\""),
          "10: [gateway] listener: is for routing gateways");
  refuses(gateway("routing", "listener = \"u\"\ntransport = \"avian\""),
          "11: [gateway] transport: must be \"udp\", \"tcp\" or \"tls\"");
}

TEST_F(Listeners, TlsHasItsFiles) {
  const std::string tls =
      "[[listener]]\nname = \"s\"\nprotocol = \"tls\"\n"
      "address = \"192.0.2.1\"\nport = \"callee\"\n";
  EXPECT_EQ(faults(tls + "verify = \"always\"\n"),
            (std::vector<std::string>{
                "1: [listener] certificate: is missing", "1: [listener] key: is missing",
                "6: [listener] verify: must be \"off\", \"optional\" or \"required\""}));
  const std::string files = "certificate = \"c.pem\"\nkey = \"k.pem\"\n";
  refuses(tls + files + "verify = \"required\"\n", "1: [listener] ca: is needed to verify peers");
  const auto site = load(tls + files + "ca = \"ca.pem\"\nverify = \"optional\"\n");
  ASSERT_TRUE(site.ok()) << site.error_text();
  EXPECT_EQ(site->listeners[0].address.port, 5061);
  EXPECT_EQ(site->listeners[0].tls.ca, "ca.pem");
  EXPECT_EQ(site->listeners[0].tls.verify, TlsVerify::kOptional);
  refuses(udp_ + "key = \"k.pem\"\n", "6: [listener] key: is for protocol = \"tls\"");
}

TEST_F(Listeners, AGatewayTakesTheOnlyListenerOfItsTransport) {
  const std::string tcp =
      "[[listener]]\nname = \"t\"\nprotocol = \"tcp\"\n"
      "address = \"192.0.2.1:5070\"\nport = \"callee\"\n";
  const std::string gateway =
      "[[gateway]]\nname = \"a\"\nkind = \"routing\"\n"
      "address = \"198.51.100.7\"\n";
  const auto site = load(udp_ + tcp + gateway + "transport = \"tcp\"\n");
  ASSERT_TRUE(site.ok()) << site.error_text();
  EXPECT_EQ(site->gateways[0].listener, 1u);
  refuses(udp_ + tcp + gateway + "transport = \"tls\"\n",
          "15: [gateway] transport: no listener speaks it");
  const auto large = load(udp_ + tcp + gateway + "listener = \"u\"\nlarge_requests = \"tcp\"\n");
  ASSERT_TRUE(large.ok()) << large.error_text();
  EXPECT_TRUE(large->gateways[0].large_by_tcp);
  refuses(
      udp_ + gateway + "listener = \"u\"\nlarge_requests = \"tcp\"\n",
      "11: [gateway] large_requests: needs a UDP listener, and a TCP one with the same address");
}

TEST_F(Listeners, WithoutAnyAndWithoutSipPortsNothingCouldCall) {
  refuses("",
          "-5: port: no port has a sip_port, and there is no listener: nothing could ever "
          "call");
}

}  // namespace
}  // namespace tandem::config
