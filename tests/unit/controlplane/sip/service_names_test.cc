#include "controlplane/sip/service_names.h"

#include <gtest/gtest.h>

#include <vector>

namespace tandem::sip {
namespace {

TEST(ServiceNames, OfAHostByProtocol) {
  EXPECT_EQ(srv_name("a.example", Protocol::kUdp), "_sip._udp.a.example");
  EXPECT_EQ(srv_name("a.example", Protocol::kTcp), "_sip._tcp.a.example");
  EXPECT_EQ(srv_name("a.example", Protocol::kTls), "_sips._tcp.a.example");
  EXPECT_EQ(default_port(Protocol::kTcp), 5060);
  EXPECT_EQ(default_port(Protocol::kTls), 5061);
}

TEST(ServiceNames, OfNaptrTheLowestOrderThenPreferenceThatServes) {
  const std::vector<NaptrRecord> records = {
      {10, 1, "s", "SIPS+D2T", "tls"},  {20, 9, "S", "sip+d2u", "second"},
      {20, 5, "s", "SIP+D2U", "first"}, {1, 1, "u", "SIP+D2U", "no-srv"},
      {2, 1, "s", "SIP+D2U", ""},       {1, 1, "s", "E2U+sip", "enum"}};
  EXPECT_EQ(srv_name(records, Protocol::kUdp), "first");
  EXPECT_EQ(srv_name(records, Protocol::kTls), "tls");
  EXPECT_EQ(srv_name(records, Protocol::kTcp), "");
}

}  // namespace
}  // namespace tandem::sip
