#include "controlplane/config/loader.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <sstream>

#include "tests/unit/drivers/base/temp_folder.h"

namespace tandem::config {
namespace {

const std::string kSite = R"(
[corridor]
segment = "t"
workers = 2
shards = 2
[dataplane]
cores = [2, 3]
[[port]]
name = "caller"
device = "net_x"
address = "10.77.1.1/24"
sip_port = 5060
[[port]]
name = "callee"
address = "10.77.2.1/24"
sip_port = 5062
[control]
socket = "/run/t.sock"
[cdr]
journal = "/var/t.jsonl"
[[gateway]]
name = "acme"
kind = "mapping"
address = ["10.77.1.2", "10.77.1.3:5070"]
capacity = 10
[[gateway]]
name = "bcorp"
kind = "routing"
address = "10.77.2.2"
[[route]]
prefix = "49"
gateway = "bcorp"
[parameters]
SS_SIP_TIMEOUT_INVITE = 3
SS_QOS_RTP = 0xb8
SS_SIP_RESEND_INTERVAL = "0.5,1"
)";

class Loader : public ::testing::Test {
 protected:
  base::Result<Site> load(const std::string& text) {
    return load_site(path = folder.write("site.toml", text));
  }
  // The faults, one a line, without the file's name.
  std::vector<std::string> faults(const std::string& text) {
    const auto site = load(text);
    std::vector<std::string> out;
    if (site) return out;
    std::istringstream lines(site.error_text());
    for (std::string line; std::getline(lines, line);) {
      EXPECT_TRUE(line.starts_with(path + ":")) << line;
      out.push_back(line.substr(path.size() + 1));
    }
    return out;
  }
  // kSite with `from` replaced.
  static std::string with(const std::string& from, const std::string& to) {
    auto text = kSite;
    const auto at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    return text.replace(at, from.size(), to);
  }
  // That this one change gives just this fault.
  void refuses(const std::string& from, const std::string& to, const std::string& sentence) {
    const auto found = faults(with(from, to));
    ASSERT_EQ(found.size(), 1u) << to << "\n" << (found.empty() ? "" : found.back());
    EXPECT_EQ(found[0], sentence);
  }

  test::TempFolder folder;
  std::string path;
};

TEST_F(Loader, ReadsASite) {
  const auto site = load(kSite);
  ASSERT_TRUE(site.ok()) << site.error_text();
  EXPECT_EQ(site->corridor.segment, "t");
  EXPECT_EQ(site->corridor.plan.text(), "2 workers, 2 shards, addresses 10.77.1.1 10.77.2.1");
  ASSERT_EQ(site->ports.size(), 2u);
  EXPECT_EQ(site->ports[1].name, "callee");
  EXPECT_EQ(site->ports[1].address.text(), "10.77.2.1");
  EXPECT_EQ(site->ports[1].sip_port, 5062);
  EXPECT_EQ(site->worker_cores, (std::vector<int>{2, 3}));
  EXPECT_EQ(site->control_socket, "/run/t.sock");
  EXPECT_EQ(site->cdr_journal, "/var/t.jsonl");
  ASSERT_EQ(site->gateways.size(), 2u);
  EXPECT_EQ(site->gateways[0].kind, GatewayKind::kMapping);
  EXPECT_EQ(site->gateways[0].addresses[0].text(), "10.77.1.2:0");
  EXPECT_EQ(site->gateways[0].addresses[1].text(), "10.77.1.3:5070");
  EXPECT_EQ(site->gateways[0].capacity, 10u);
  EXPECT_EQ(site->gateways[1].kind, GatewayKind::kRouting);
  EXPECT_EQ(site->gateways[1].addresses[0].text(), "10.77.2.2:5060");
  EXPECT_EQ(site->gateways[1].port, 1u);
  ASSERT_EQ(site->routes.size(), 1u);
  EXPECT_EQ(site->routes[0].prefix, "49");
  EXPECT_EQ(site->routes[0].gateway, 1u);
  EXPECT_EQ(site->routes[0].priority, 100u);
  EXPECT_EQ(site->routes[0].weight, 1u);
  EXPECT_EQ(site->parameters.SS_SIP_TIMEOUT_INVITE, base::Seconds{3});
  EXPECT_EQ(site->parameters.SS_QOS_RTP, 0xb8);
  EXPECT_EQ(site->parameters.SS_SIP_RESEND_INTERVAL.size(), 2u);
}

TEST_F(Loader, TheSampleIsSound) {
  const auto site = load_site(TANDEM_SOURCE_ROOT "/conf/tandem.toml");
  EXPECT_TRUE(site.ok()) << site.error_text();
}

TEST_F(Loader, ARoutingGatewayBehindARouterNamesItsPort) {
  const auto site = load(with("\"10.77.2.2\"", "\"192.0.2.9:5080\"\nport = \"caller\""));
  ASSERT_TRUE(site.ok()) << site.error_text();
  EXPECT_EQ(site->gateways[1].port, 0u);
}

TEST_F(Loader, FaultsOfPorts) {
  refuses("sip_port = 5060", "sip_port = 65536", "12: [port] sip_port: 65536 is outside 0..65535");
  refuses("device = \"net_x\"", "device = 5", "10: [port] device: must be a text in quotes");
  refuses("device = \"net_x\"", "mtu = 100", "10: [port] mtu: 100 is outside 576..9216");
  refuses("device = \"net_x\"", "divice = \"net_x\"",
          "10: [port] divice: is not a setting known here");
  refuses("name = \"caller\"", "", "8: [port] name: is missing");
}

// Both the corridor and the ports read it; it is said once.
TEST_F(Loader, AFaultyAddressIsSaidOnce) {
  refuses("\"10.77.1.1/24\"", "5", "11: [port] address: must be a text in quotes");
  refuses("address = \"10.77.1.1/24\"", "", "8: [port] address: is missing");
  refuses("\"10.77.1.1/24\"", "\"10.77.1.1\"",
          "11: [port] address: \"10.77.1.1\" is not of the form 192.0.2.1/24");
}

TEST_F(Loader, FaultsOfGateways) {
  refuses("\"mapping\"", "\"both\"", "23: [gateway] kind: must be \"mapping\" or \"routing\"");
  refuses("[[route]]",
          "[[gateway]]\nname = \"acme\"\nkind = \"mapping\"\naddress = \"10.77.1.9\"\n[[route]]",
          "31: [gateway] name: is that of an earlier gateway");
}

TEST_F(Loader, FaultsOfGatewayAddresses) {
  refuses("[\"10.77.1.2\", ", "[\"10.77.1.2.3\", ",
          "24: [gateway] address: \"10.77.1.2.3\" is neither an IPv4 address nor a name");
  refuses("[\"10.77.1.2\", ", "[\"2001:db8::1\", ",
          "24: [gateway] address: \"2001:db8::1\" is neither an IPv4 address nor a name");
  refuses("[\"10.77.1.2\", \"10.77.1.3:5070\"]", "[]",
          "24: [gateway] address: at least one is needed");
  refuses("\"10.77.2.2\"", "[\"10.77.2.2\", \"10.77.2.3\"]",
          "29: [gateway] address: a routing gateway has one address or name");
  refuses("\"10.77.2.2\"", "\"192.0.2.9\"",
          "29: [gateway] address: lies in no port's network: say which with port = \"NAME\"");
  refuses("[[route]]",
          "[[gateway]]\nname = \"c\"\nkind = \"mapping\"\naddress = \"10.77.1.3:5070\"\n[[route]]",
          "33: [gateway] address: 10.77.1.3:5070 is also that of gateway acme");
}

TEST_F(Loader, AGatewayMayBeKnownByName) {
  std::string text = kSite;
  const auto put = [&](std::string_view from, std::string_view to) {
    text.replace(text.find(from), from.size(), to);
  };
  put("\"10.77.2.2\"", "\"sip.b-corp.example:5070\"\nport = \"callee\"");
  put("\"10.77.1.3:5070\"", "\"Acme.example.\"");
  put("[control]", "[dns]\nservers = [\"192.0.2.53\", \"192.0.2.54:5353\"]\n[control]");
  const auto site = load(text);
  ASSERT_TRUE(site.ok()) << site.error_text();
  EXPECT_EQ(site->gateways[0].hosts, (std::vector<HostName>{{"Acme.example", 0}}));
  EXPECT_EQ(site->gateways[1].hosts, (std::vector<HostName>{{"sip.b-corp.example", 5070}}));
  EXPECT_EQ(site->gateways[1].port, 1u);
  ASSERT_EQ(site->dns_servers.size(), 2u);
  EXPECT_EQ(site->dns_servers[0].text(), "192.0.2.53:53");
  EXPECT_EQ(site->dns_servers[1].text(), "192.0.2.54:5353");
}

TEST_F(Loader, FaultsOfNames) {
  for (const std::string bad : {"-a.example", "a..example", "a_b.example", "a.example:0",
                                "a.example:65536", "10.77.2", "a.123", "a b"}) {
    refuses("\"10.77.2.2\"", "\"" + bad + "\"\nport = \"callee\"",
            "29: [gateway] address: \"" + bad + "\" is neither an IPv4 address nor a name");
  }
  refuses("\"10.77.2.2\"", "\"b.example\"",
          "26: [gateway] port: a gateway known by name needs port = \"NAME\": where its "
          "addresses lie is not known beforehand");
  refuses("[control]", "[dns]\nservers = \"ns.example\"\n[control]",
          "18: [dns] servers: \"ns.example\" is not an IP address");
}

TEST_F(Loader, FaultsOfTheWayOut) {
  refuses("capacity = 10", "port = \"caller\"", "25: [gateway] port: is for routing gateways");
  refuses("\"10.77.2.2\"", "\"10.77.2.2\"\nport = \"x\"",
          "30: [gateway] port: there is no port \"x\"");
  refuses("sip_port = 5062", "", "26: [gateway] port: port \"callee\" has no sip_port");
  refuses("capacity = 10", "capacity = -1", "25: [gateway] capacity: -1 is outside 0..1000000");
}

TEST_F(Loader, FaultsOfRoutes) {
  refuses("\"49\"", "\"4x\"", "31: [route] prefix: must be 0..32 digits");
  refuses("\"49\"", "\"+49\"", "31: [route] prefix: must be 0..32 digits");
  refuses("\"49\"", "\"123456789012345678901234567890123\"",
          "31: [route] prefix: must be 0..32 digits");
  refuses("gateway = \"bcorp\"", "gateway = \"nobody\"",
          "32: [route] gateway: there is no gateway \"nobody\"");
  refuses("gateway = \"bcorp\"", "gateway = \"acme\"",
          "32: [route] gateway: \"acme\" is not a routing gateway");
  refuses("[parameters]", "[[route]]\nprefix = \"49\"\ngateway = \"bcorp\"\n[parameters]",
          "34: [route] prefix: has a route to this gateway already");
  refuses("[parameters]", "priority = 65536\n[parameters]",
          "33: [route] priority: 65536 is outside 0..65535");
  refuses("[parameters]", "weight = -1\n[parameters]",
          "33: [route] weight: -1 is outside 0..65535");
}

TEST_F(Loader, SoundsAreTheWavFilesOfAFolder) {
  folder.write("sorry.wav", "");
  folder.write("busy.wav", "");
  folder.write("notes.txt", "");
  const std::string home = std::filesystem::path(folder.path("x")).parent_path().string();
  const auto site = load(with("[control]", "[sounds]\nfolder = \"" + home + "\"\n[control]"));
  ASSERT_TRUE(site.ok()) << site.error_text();
  EXPECT_EQ(site->sound_folder, home);
  EXPECT_EQ(site->sounds, (std::vector<std::string>{"busy", "sorry"}));
  EXPECT_TRUE(load(kSite)->sounds.empty());
  const auto missing = faults(with("[control]", "[sounds]\nfolder = \"/no/where\"\n[control]"));
  ASSERT_EQ(missing.size(), 1u);
  EXPECT_TRUE(missing[0].ends_with("/no/where: No such file or directory")) << missing[0];
}

TEST_F(Loader, RoutesHaveAStore) {
  const auto store = [&](const std::string& tables) {
    const auto site = load(with("[parameters]", tables + "[parameters]"));
    EXPECT_TRUE(site.ok()) << site.error_text();
    return site ? site->route_store : "";
  };
  EXPECT_EQ(store(""), "/var/routes.db") << "beside the journal";
  EXPECT_EQ(store("[routing]\nstore = \"/x/y.db\"\n"), "/x/y.db");
  EXPECT_EQ(store("[registrar]\nrealm = \"a\"\nstore = \"/x/y.db\"\n"), "/x/routes.db");
  refuses("[parameters]", "[routing]\nstore = \"/var/gateways.db\"\n[parameters]",
          "34: [routing] store: must be another file than that of [gateways]");
  refuses("[parameters]",
          "[registrar]\nrealm = \"a\"\nstore = \"/x/y.db\"\n[routing]\nstore = "
          "\"/x/y.db\"\n[parameters]",
          "37: [routing] store: must be another file than the registrar's");
  refuses("[parameters]", "[routing]\nstroe = \"x\"\n[parameters]",
          "34: [routing] stroe: is not a setting known here");
}

TEST_F(Loader, FaultsOfTheRest) {
  refuses("socket =", "sokcet =", "18: [control] sokcet: is not a setting known here");
  refuses("journal =", "jurnal =", "20: [cdr] jurnal: is not a setting known here");
  refuses("cores = [2, 3]", "cores = [2, -3]",
          "7: [dataplane] cores: must hold only whole numbers in 0..1023");
  refuses("[control]", "[contrl]\n[control]", "17: contrl: is not a setting known here");
}

TEST_F(Loader, FaultsOfParameters) {
  refuses("SS_SIP_TIMEOUT_INVITE = 3", "SS_SIP_TIMEOUT_INVITE = 0",
          "34: [parameters] SS_SIP_TIMEOUT_INVITE: SS_SIP_TIMEOUT_INVITE = 0: must be 1..120 s");
  refuses("SS_SIP_TIMEOUT_INVITE = 3", "SS_SIP_TIMEOUT = 3",
          "34: [parameters] SS_SIP_TIMEOUT: SS_SIP_TIMEOUT: no such parameter");
  refuses("\"0.5,1\"", "nan",
          "36: [parameters] SS_SIP_RESEND_INTERVAL: SS_SIP_RESEND_INTERVAL = nan: must be 1..16 "
          "numbers of 0.1..32 s");
}

TEST_F(Loader, SignallingKeepsOutOfTheMediaPorts) {
  for (const auto* port : {"10000", "39999"}) {
    const auto found = faults(with("sip_port = 5060", std::string("sip_port = ") + port));
    ASSERT_EQ(found.size(), 1u);
    EXPECT_NE(found[0].find("port: sip_port " + std::string(port) +
                            " of \"caller\" lies in SS_RTP_PORT_RANGE 10000,39999"),
              std::string::npos)
        << found[0];
  }
  EXPECT_TRUE(load(with("sip_port = 5060", "sip_port = 9999")).ok());
  EXPECT_TRUE(load(with("sip_port = 5060", "sip_port = 40000")).ok());
}

TEST_F(Loader, AllFaultsComeAtOnce) {
  auto text = with("workers = 2", "workers = 0");
  text.replace(text.find("\"mapping\""), 9, "\"neither\"");
  text.replace(text.find("SS_QOS_RTP = 0xb8"), 17, "SS_QOS_RTP = 999");
  const auto found = faults(text);
  ASSERT_EQ(found.size(), 3u);
  EXPECT_TRUE(found[0].starts_with("4: [corridor]"));
  EXPECT_TRUE(found[1].starts_with("35: [parameters]"));
  EXPECT_TRUE(found[2].starts_with("23: [gateway]"));
}

TEST_F(Loader, WithoutSignallingNothingCouldEverCall) {
  auto text = with("sip_port = 5060", "");
  text.replace(text.find("sip_port = 5062"), 15, "");
  text = text.substr(0, text.find("[[gateway]]"));
  const auto found = faults(text);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_NE(found[0].find("port: no port has a sip_port"), std::string::npos) << found[0];
}

TEST_F(Loader, AStoreWithOrWithoutARegistrar) {
  EXPECT_EQ(load(kSite)->store, "");
  const auto with_lines = [&](const std::string& lines) {
    const auto site = load(with("[control]", lines + "[control]"));
    return site.ok() ? site->store : site.error_text();
  };
  EXPECT_EQ(with_lines("[store]\n"), "/var/lib/tandem/tandem.db");
  EXPECT_EQ(with_lines("[store]\npath = \"/x/s.db\"\n"), "/x/s.db");
  EXPECT_EQ(with_lines("[registrar]\nrealm = \"a\"\n"), "/var/lib/tandem/tandem.db");
  EXPECT_EQ(with_lines("[registrar]\nrealm = \"a\"\nstore = \"/y.db\"\n"), "/y.db");
  const std::string both = "[store]\npath = \"/x/s.db\"\n[registrar]\nrealm = \"a\"\n";
  EXPECT_EQ(with_lines(both), "/x/s.db");
  EXPECT_EQ(with_lines(both + "store = \"/x/s.db\"\n"), "/x/s.db");
  refuses("[control]", both + "store = \"/y.db\"\n[control]",
          "21: [registrar] store: [store] says /x/s.db");
  refuses("[control]", "[store]\npath = \"\"\n[control]", "18: [store] path: must name a file");
  refuses("[control]", "[store]\nfile = \"x\"\n[control]",
          "18: [store] file: is not a setting known here");
}

TEST_F(Loader, ARegistrarWithItsRealms) {
  EXPECT_FALSE(load(kSite)->registrar.has_value());
  const auto site =
      load(with("[control]", "[registrar]\nrealm = [\"a.example\", \"b\"]\n[control]"));
  ASSERT_TRUE(site.ok()) << site.error_text();
  EXPECT_EQ(site->registrar->realms, (std::vector<std::string>{"a.example", "b"}));
  EXPECT_EQ(site->registrar->store, "/var/lib/tandem/tandem.db");
  const auto refuses_realm = [this](const std::string& lines, const std::string& sentence) {
    refuses("[control]", "[registrar]\n" + lines + "[control]", sentence);
  };
  refuses_realm("", "17: [registrar] realm: at least one is needed");
  refuses_realm("realm = \"a b\"\n",
                "18: [registrar] realm: must be 1..128 visible characters without quotes and "
                "backslashes");
  refuses_realm("realm = [\"a\", \"A\"]\n", "18: [registrar] realm: \"A\" stands there twice");
  refuses_realm("realm = \"a\"\nstorage = \"x\"\n",
                "19: [registrar] storage: is not a setting known here");
}

TEST_F(Loader, Registrations) {
  const auto file = [this](const std::string& lines) {
    const auto site = load(with("[control]", "[registrar]\nrealm = \"a\"\n" + lines + "[control]"));
    return site.ok() ? site->registrar->registrations : site.error_text();
  };
  EXPECT_EQ(file(""), "/var/lib/tandem/registrations.db");
  EXPECT_EQ(file("store = \"/x/accounts.db\"\n"), "/x/registrations.db");
  EXPECT_EQ(file("registrations = \"/y/r.db\"\n"), "/y/r.db");
  refuses("[control]",
          "[registrar]\nrealm = \"a\"\nstore = \"/x/s.db\"\nregistrations = \"/x/s.db\"\n[control]",
          "20: [registrar] registrations: must be another file than the store");
}

TEST_F(Loader, KeepalivePeriod) {
  const auto site_with = [this](const std::string& lines) {
    return load(with("[parameters]", "[registrar]\nrealm = \"a\"\n[parameters]\n" + lines));
  };
  const auto warnings = [&](const std::string& lines) {
    const auto site = site_with(lines);
    EXPECT_TRUE(site.ok()) << site.error_text();
    return site.ok() ? site->warnings : std::vector<std::string>{};
  };
  EXPECT_TRUE(warnings("SS_SIP_NAT_KEEP_ALIVE_PERIOD = 60\n").empty());
  EXPECT_EQ(warnings("SS_SIP_NAT_KEEP_ALIVE_PERIOD = 61\n"),
            std::vector<std::string>{"SS_SIP_NAT_KEEP_ALIVE_PERIOD of 61 s is above a fifth of "
                                     "SS_ENDPOINT_NAT_EXPIRE of 300 s: 60 s at most are sensible"});
  const auto refused = site_with("SS_SIP_NAT_KEEP_ALIVE_PERIOD = 300\n");
  ASSERT_FALSE(refused.ok());
  EXPECT_NE(refused.error_text().find("SS_SIP_NAT_KEEP_ALIVE_PERIOD of 300 s must be below "
                                      "SS_ENDPOINT_NAT_EXPIRE of 300 s"),
            std::string::npos)
      << refused.error_text();
  EXPECT_TRUE(warnings("SS_SIP_NAT_KEEP_ALIVE_PERIOD = 300\nSS_SIP_NAT_KEEP_ALIVE_MESSAGE = \"\"\n")
                  .empty());
}

TEST_F(Loader, SessionIntervalBelowTheLeastOfPeers) {
  const auto site_with = [this](const std::string& lines) {
    return load(with("[parameters]", "[parameters]\n" + lines));
  };
  EXPECT_TRUE(site_with("SS_SIP_SESSION_TTL = 120\nTD_SIP_MIN_SE = 120\n").ok());
  const auto refused = site_with("SS_SIP_SESSION_TTL = 119\nTD_SIP_MIN_SE = 120\n");
  ASSERT_FALSE(refused.ok());
  EXPECT_NE(refused.error_text().find(
                "SS_SIP_SESSION_TTL of 119 s must not be below TD_SIP_MIN_SE of 120 s"),
            std::string::npos)
      << refused.error_text();
}

TEST_F(Loader, AnEmptyFileAndNoFile) {
  EXPECT_GE(faults("").size(), 1u);
  const auto missing = load_site(folder.path("none.toml"));
  ASSERT_FALSE(missing.ok());
  EXPECT_NE(missing.error_text().find("none.toml"), std::string::npos);
  const auto broken = faults(with("workers = 2", "workers 2"));
  ASSERT_EQ(broken.size(), 1u);
  EXPECT_TRUE(broken[0].starts_with("4: ")) << broken[0];
}

// With the line, and never with the key.
TEST_F(Loader, KeysOfThePayloadEncryption) {
  refuses("[parameters]\n",
          "[parameters]\nSS_RTPENCRYPTIONMODE = \"aes128\"\nSS_RTPENCRYPTIONKEY = \"sesame\"\n",
          "35: [parameters] SS_RTPENCRYPTIONKEY: aes128 needs a key of exactly 16 octets");
  refuses("capacity = 10\n", "SS_RTPENCRYPTIONMODE = 3\nSS_RTPENCRYPTIONKEY = \"sesame\"\n",
          "26: [gateway] SS_RTPENCRYPTIONKEY: aes128 needs a key of exactly 16 octets");
  refuses("capacity = 10\n", "SS_RTPENCRYPTIONKEY = \"" + std::string(257, 'q') + "\"\n",
          "25: [gateway] SS_RTPENCRYPTIONKEY: SS_RTPENCRYPTIONKEY: must be of at most 256 octets");
  const auto site =
      load(with("capacity = 10\n", "SS_RTPENCRYPTIONMODE = 2\nSS_RTPENCRYPTIONKEY = \"sesame\"\n"));
  ASSERT_TRUE(site.ok()) << site.error_text();
  EXPECT_EQ(site->warnings,
            std::vector<std::string>{
                "gateway acme: SS_RTPENCRYPTIONKEY: an rc4 key below 16 octets is easily guessed"});
}

}  // namespace
}  // namespace tandem::config
