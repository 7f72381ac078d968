#include "controlplane/sip/ticket.h"

#include <gtest/gtest.h>

namespace tandem::sip {
namespace {

TEST(Ticket, ComesBackAsItWent) {
  const Ticket ticket{{0x0000000300000007}, 0xfedcba9876543210};
  EXPECT_EQ(ticket.text(), "0000000300000007fedcba9876543210");
  EXPECT_EQ(Ticket::parse(ticket.text()), ticket);
  EXPECT_EQ(Ticket::parse("0000000300000007FEDCBA9876543210"), ticket);
}

TEST(Ticket, NothingElseIsOne) {
  EXPECT_FALSE(Ticket::parse(""));
  EXPECT_FALSE(Ticket::parse("0000000300000007fedcba987654321"));
  EXPECT_FALSE(Ticket::parse("0000000300000007fedcba98765432100"));
  EXPECT_FALSE(Ticket::parse("000000030000000 fedcba9876543210"));
  EXPECT_FALSE(Ticket::parse("0000000300000007fedcba987654321g"));
  EXPECT_FALSE(Ticket::parse("-000000300000007fedcba9876543210"));
  EXPECT_FALSE(Ticket::parse("0x00000300000007+edcba9876543210"));
}

}  // namespace
}  // namespace tandem::sip
