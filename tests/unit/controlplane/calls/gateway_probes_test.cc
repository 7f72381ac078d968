#include "controlplane/calls/gateway_probes.h"

#include <set>

#include "tests/unit/controlplane/calls/switch_fixture.h"
#include "tests/unit/controlplane/raw_party.h"

namespace tandem::test {
namespace {

using base::Millis;
using base::Seconds;

// A gateway that answers OPTIONS with what it is told; with nothing: not at all.
class ProbedGateway final : public sip::TransportListener {
 public:
  ProbedGateway(VirtualNet& net, const std::string& address) : port_(net) {
    net.attach(at(address).address, *this);
  }
  void on_datagram(const sip::Path& path, std::span<char> bytes) override {
    const std::string got(bytes.data(), bytes.size());
    if (got.starts_with("OPTIONS") && !status.empty()) {
      port_.send(path, "SIP/2.0 " + status + "\r\nVia: " + field(got, "Via") +
                           "\r\nFrom: " + field(got, "From") + "\r\nTo: " + field(got, "To") +
                           ";tag=r\r\nCall-ID: " + field(got, "Call-ID") +
                           "\r\nCSeq: " + field(got, "CSeq") + "\r\nContent-Length: 0\r\n\r\n");
    }
  }
  std::string status = "200 OK";

 private:
  VirtualNet::Port port_;
};

class Probes : public SwitchTest {
 protected:
  Probes() : SwitchTest(probed_site()) {
    agent.take_responses_for(probes.transactions());
    net.on_idle([this] { probes.tend(); });
  }
  // The very first one is probed.
  static config::Site probed_site() {
    config::Site out = make_site();
    out.gateways = {{"zero", config::GatewayKind::kRouting, {at("10.77.2.2")}, 0, 1}};
    out.gateways.front().probe = Seconds{1};
    out.routes = {{"49", 0}};
    return out;
  }
  bool silent() { return gateways.now().at(0)->load->silent(); }
  void set_probe(Seconds probe) {
    config::Gateway settings = gateways.gateway(0);
    settings.probe = probe;
    gateways.put({settings});
  }
  // Different ones, for a repetition is the same.
  std::size_t asked() const {
    std::set<std::string> branches;
    for (const auto& sent : net.log()) {
      if (sent.bytes.starts_with("OPTIONS")) branches.insert(field(sent.bytes, "Via"));
    }
    return branches.size();
  }

  calls::GatewayProbes probes{{.env = env, .site = site, .gateways = gateways}};
  ProbedGateway zero{net, "10.77.2.2"};
};

// Its transaction stays for five seconds (Timer K), which is nothing that the next one waits for.
TEST_F(Probes, OnceInAnInterval) {
  net.run(Seconds{10});
  EXPECT_GE(asked(), 9u);
  EXPECT_LE(asked(), 10u);
  EXPECT_FALSE(silent());
}

TEST_F(Probes, OnlyAProperAnswerCounts) {
  struct Row {
    const char* status;
    bool there;
  };
  for (const Row& row : {Row{"404 Not Found", true},
                         {"503 No", false},
                         {"501 Not Implemented", true},
                         {"408 Timeout", false},
                         {"302 Moved", true},
                         {"603 No", false},
                         {"200 OK", true}}) {
    zero.status = row.status;
    net.run(Millis{2200});
    EXPECT_EQ(silent(), !row.there) << row.status;
  }
}

TEST_F(Probes, SilenceTakesItOutAndAnAnswerBringsItBack) {
  zero.status.clear();
  net.run(Seconds{20});
  EXPECT_EQ(asked(), 1u);
  EXPECT_FALSE(silent());
  net.run(Seconds{20});
  EXPECT_TRUE(silent());
  EXPECT_EQ(asked(), 2u);  // one at a time
  zero.status = "200 OK";
  net.run(Seconds{40});
  EXPECT_FALSE(silent());
}

TEST_F(Probes, WhoIsNotProbedAnyLongerIsJudgedByNobody) {
  zero.status = "503 No";
  net.run(Seconds{2});
  EXPECT_TRUE(silent());
  set_probe(Seconds{0});
  net.run(Seconds{1});
  EXPECT_FALSE(silent());
  const auto before = asked();
  net.run(Seconds{10});
  EXPECT_EQ(asked(), before);
  EXPECT_FALSE(silent());
  set_probe(Seconds{1});
  net.run(Millis{2200});
  EXPECT_TRUE(silent());
}

}  // namespace
}  // namespace tandem::test
