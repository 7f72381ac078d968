// Calls whose signalling takes the kernel's listeners while their media takes the ports.
#include "tests/unit/controlplane/calls/switch_fixture.h"

namespace tandem::test {
namespace {

using base::Seconds;

class Listened : public SwitchTest {};

TEST_F(Listened, ACallInByAListenerHasItsMediaAtTheListenersPort) {
  alice.dial("10.77.8.1:5060", "4930");
  net.run(Seconds{1});
  EXPECT_EQ(alice.events.back(), "200");
  EXPECT_NE(alice.last_body.find("c=IN IP4 10.77.1.1\r\n"), std::string::npos);
  EXPECT_NE(net.last("SIP/2.0 200 OK").find("Contact: <sip:10.77.8.1:5060>"), std::string::npos);
  alice.leg()->finish(0);
  expect_nothing_left();
  EXPECT_EQ(record()["end_reason"], "NormalClearing");
}

TEST_F(Listened, ACallOutByAListenerSpeaksFromItsAddress) {
  alice.dial("10.77.1.1:5060", "4430");
  net.run(Seconds{1});
  EXPECT_EQ(bob.events.back(), "acked");
  const auto ack = net.last("ACK sip:10.77.2.2");
  EXPECT_NE(ack.find("Via: SIP/2.0/UDP 10.77.9.1:5060;"), std::string::npos) << ack;
  EXPECT_NE(bob.last_body.find("c=IN IP4 10.77.2.1\r\n"), std::string::npos);
  bob.leg()->finish(0);
  net.run(Seconds{1});
  EXPECT_EQ(alice.events.back(), "bye");
  expect_nothing_left();
  EXPECT_EQ(record()["routing_gateway"], "far");
}

}  // namespace
}  // namespace tandem::test
