#include "controlplane/media/rtcp_leg.h"

#include <gtest/gtest.h>

namespace tandem::media {
namespace {

using sdp::RtcpSaid;
using wire::RtcpWay;

sdp::Media said_by_party(bool mux) {
  sdp::Media out;
  out.rtcp_mux = mux;
  return out;
}
const sdp::Media kMux = said_by_party(true);
const sdp::Media kApart = said_by_party(false);

TEST(RtcpLeg, APartyThatOffersItGetsIt) {
  RtcpLeg leg(true);
  leg.take_offer(kMux);
  EXPECT_EQ(leg.said(), RtcpSaid::kMuxed);
  EXPECT_EQ(leg.way(), RtcpWay::kNextPort) << "before our answer is out";
  leg.agree();
  EXPECT_EQ(leg.way(), RtcpWay::kRtpPort);
  leg.take_offer(kApart);
  EXPECT_EQ(leg.said(), RtcpSaid::kNextPort);
  leg.withdraw();
  EXPECT_EQ(leg.said(), RtcpSaid::kMuxed);
  leg.take_offer(kApart);
  leg.agree();
  EXPECT_EQ(leg.way(), RtcpWay::kNextPort);
}

TEST(RtcpLeg, WeOfferItAndTheAnswerDecides) {
  RtcpLeg leg(true);
  leg.make_offer(true);
  EXPECT_EQ(leg.said(), RtcpSaid::kOffered);
  leg.take_answer(kApart);
  EXPECT_EQ(leg.said(), RtcpSaid::kNextPort);
  EXPECT_EQ(leg.way(), RtcpWay::kNextPort);
  leg.take_answer(kMux);  // of another fork
  EXPECT_EQ(leg.said(), RtcpSaid::kMuxed);
  EXPECT_EQ(leg.way(), RtcpWay::kRtpPort);
}

TEST(RtcpLeg, AnAnswerCannotSayMoreThanTheOffer) {
  RtcpLeg leg(true);
  leg.make_offer(false);
  EXPECT_EQ(leg.said(), RtcpSaid::kNextPort);
  leg.take_answer(kMux);
  EXPECT_EQ(leg.way(), RtcpWay::kNextPort);
}

TEST(RtcpLeg, WithoutAPortItIsTheOnlyWay) {
  RtcpLeg leg(false);
  EXPECT_EQ(leg.said(), RtcpSaid::kNoPort);
  EXPECT_EQ(leg.way(), RtcpWay::kNone);
  leg.make_offer(false);
  EXPECT_EQ(leg.said(), RtcpSaid::kMuxed);
  leg.take_answer(kApart);
  EXPECT_EQ(leg.said(), RtcpSaid::kNoPort);
  EXPECT_EQ(leg.way(), RtcpWay::kNone);
  leg.make_offer(false);
  leg.take_answer(kMux);
  EXPECT_EQ(leg.way(), RtcpWay::kRtpPort);
}

TEST(RtcpLeg, ARefreshOfOursKeepsWhatAPartyOffered) {
  RtcpLeg leg(true);
  leg.take_offer(kMux);
  leg.agree();
  leg.take_answer(kMux);
  EXPECT_EQ(leg.way(), RtcpWay::kRtpPort);
}

TEST(RtcpLeg, ARefusedOfferLeavesWhatWas) {
  RtcpLeg leg(true);
  leg.make_offer(true);
  leg.take_answer(kMux);
  leg.make_offer(false);
  EXPECT_EQ(leg.said(), RtcpSaid::kNextPort);
  leg.withdraw();
  EXPECT_EQ(leg.said(), RtcpSaid::kMuxed);
  EXPECT_EQ(leg.way(), RtcpWay::kRtpPort);
}

}  // namespace
}  // namespace tandem::media
