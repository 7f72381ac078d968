// Gateways that take some codecs only, in whole calls.
#include "tests/unit/controlplane/calls/switch_fixture.h"

namespace tandem::test {
namespace {

using base::Seconds;
using sip::InviteSession;

std::string sdp_with(const std::string& formats) {
  return "v=0\r\no=- 1 1 IN IP4 10.77.1.2\r\ns=-\r\nc=IN IP4 10.77.1.2\r\nt=0 0\r\n"
         "m=audio 7000 RTP/AVP " +
         formats + "\r\n";
}

class GatewayCodecs : public SwitchTest {
 protected:
  GatewayCodecs() : SwitchTest(site_of()) {}
  static config::Site site_of() {
    config::Site out = make_site();
    out.gateways[0].codecs = {"PCMU", "PCMA", "GSM"};   // acme
    out.gateways[1].codecs = {"PCMA", "G729", "PCMU"};  // bcorp
    out.gateways[3].codecs = {"GSM"};                   // far
    out.routes.push_back({"55", 3, 1});
    out.routes.push_back({"55", 1, 2});
    return out;
  }
  std::string formats_of(const std::string& text) {
    const auto parsed = sdp::parse(text);
    return parsed && !parsed->media.empty() ? std::string(parsed->media[0].formats) : "none";
  }
  void dial(const std::string& number, const std::string& formats) {
    alice.dial(kSwitch, number, sdp_with(formats));
    net.run(Seconds{1});
  }
};

TEST_F(GatewayCodecs, OffersHaveWhatBothMayHaveInTheOrderOfWhoIsAsked) {
  dial("491", "18 0 3 8");
  ASSERT_EQ(bob.events.back(), "acked");
  EXPECT_EQ(formats_of(bob.last_body), "8 0");
  bob.on_change = [](InviteSession& leg) { leg.answer_offer(200, "application/sdp", kAnswer); };
  ASSERT_TRUE(alice.leg()->offer("application/sdp", sdp_with("3 18 0")));
  net.settle();
  EXPECT_EQ(formats_of(bob.last_body), "0");
  // A change that would leave nothing is none.
  ASSERT_TRUE(alice.leg()->offer("application/sdp", sdp_with("3 18")));
  net.settle();
  EXPECT_EQ(alice.events.back(), "offer refused 488");
  // The callee's offers likewise.
  alice.on_change = [](InviteSession& leg) { leg.answer_offer(200, "application/sdp", kAnswer); };
  ASSERT_TRUE(bob.leg()->offer("application/sdp", sdp_with("18 8 0")));
  net.settle();
  EXPECT_EQ(formats_of(alice.last_body), "0 8");
  alice.leg()->finish(0);
  expect_nothing_left();
}

TEST_F(GatewayCodecs, TheNextGatewayMayHaveAnother) {
  dial("551", "0 8");
  ASSERT_EQ(bob.events.back(), "acked");
  alice.leg()->finish(0);
  expect_nothing_left();
  const auto left = record();
  EXPECT_EQ(left["routing_gateway"], "bcorp");
  ASSERT_EQ(left["given_up"].size(), 1u);
  EXPECT_EQ(left["given_up"][0]["routing_gateway"], "far");
  EXPECT_EQ(left["given_up"][0]["sip_code"], 488);
}

TEST_F(GatewayCodecs, NoneInCommonIs488) {
  dial("491", "18");
  EXPECT_EQ(alice.events.back(), "refused 488");
  expect_nothing_left();
  EXPECT_EQ(record()["end_reason"], "NoCommonCodec");
}

}  // namespace
}  // namespace tandem::test
