// The tables against the figures of RFC 3261 §17 and RFC 6026.
#include "controlplane/sip/transaction_fsm.h"

#include <gtest/gtest.h>

namespace tandem::sip {
namespace {

using S = TransactionState;
using E = TransactionEvent;
using K = TransactionKind;

S next(K kind, S state, E event) {
  const auto* to = transition(kind, state, event);
  return to == nullptr ? state : to->next;
}
Actions actions(K kind, S state, E event) {
  const auto* to = transition(kind, state, event);
  return to == nullptr ? 0 : to->actions;
}

TEST(TransactionFsm, InviteClientFigure5) {
  EXPECT_EQ(first_state(K::kInviteClient), S::kCalling);
  EXPECT_EQ(next(K::kInviteClient, S::kCalling, E::k1xx), S::kProceeding);
  EXPECT_TRUE(actions(K::kInviteClient, S::kCalling, E::k1xx) & kStopRetransmit);
  EXPECT_EQ(next(K::kInviteClient, S::kProceeding, E::k3xxTo6xx), S::kCompleted);
  EXPECT_TRUE(actions(K::kInviteClient, S::kProceeding, E::k3xxTo6xx) & kSendAck);
  // A repeated refusal is acknowledged again and not passed again.
  EXPECT_TRUE(actions(K::kInviteClient, S::kCompleted, E::k3xxTo6xx) & kSendAck);
  EXPECT_FALSE(actions(K::kInviteClient, S::kCompleted, E::k3xxTo6xx) & kPass);
  EXPECT_EQ(next(K::kInviteClient, S::kCompleted, E::kLifeTimer), S::kTerminated);
  EXPECT_TRUE(actions(K::kInviteClient, S::kCalling, E::kLifeTimer) & kTellTimeout);
}

TEST(TransactionFsm, AcceptedStatesOfRfc6026) {
  EXPECT_EQ(next(K::kInviteClient, S::kProceeding, E::k2xx), S::kAccepted);
  EXPECT_TRUE(actions(K::kInviteClient, S::kAccepted, E::k2xx) & kPass);
  EXPECT_EQ(transition(K::kInviteClient, S::kAccepted, E::k3xxTo6xx), nullptr);
  EXPECT_EQ(next(K::kInviteServer, S::kProceeding, E::k2xx), S::kAccepted);
  EXPECT_FALSE(actions(K::kInviteServer, S::kAccepted, E::kRequestAgain) & kResend);
  EXPECT_TRUE(actions(K::kInviteServer, S::kAccepted, E::kAck) & kPass);
}

TEST(TransactionFsm, InviteServerFigure7) {
  EXPECT_EQ(next(K::kInviteServer, S::kProceeding, E::k3xxTo6xx), S::kCompleted);
  EXPECT_TRUE(actions(K::kInviteServer, S::kCompleted, E::kRequestAgain) & kResend);
  EXPECT_EQ(next(K::kInviteServer, S::kCompleted, E::kAck), S::kConfirmed);
  EXPECT_EQ(next(K::kInviteServer, S::kCompleted, E::kLifeTimer), S::kTerminated);
  EXPECT_EQ(transition(K::kInviteServer, S::kCompleted, E::k2xx), nullptr);
}

TEST(TransactionFsm, ClientFigure6) {
  EXPECT_EQ(first_state(K::kClient), S::kTrying);
  EXPECT_EQ(next(K::kClient, S::kTrying, E::k1xx), S::kProceeding);
  // Unlike an INVITE, it goes on being repeated, and timer F goes on running.
  EXPECT_EQ(actions(K::kClient, S::kTrying, E::k1xx), kPass);
  EXPECT_EQ(actions(K::kClient, S::kProceeding, E::k1xx), kPass);
  for (const auto state : {S::kTrying, S::kProceeding}) {
    EXPECT_EQ(next(K::kClient, state, E::kRetransmitTimer), state);
    EXPECT_EQ(actions(K::kClient, state, E::kRetransmitTimer), kResend | kArmRetransmit);
    EXPECT_EQ(next(K::kClient, state, E::kLifeTimer), S::kTerminated);
    EXPECT_EQ(actions(K::kClient, state, E::kLifeTimer), kTellTimeout);
    EXPECT_EQ(next(K::kClient, state, E::kTransportError), S::kTerminated);
    for (const auto final : {E::k2xx, E::k3xxTo6xx}) {
      EXPECT_EQ(next(K::kClient, state, final), S::kCompleted);
      EXPECT_EQ(actions(K::kClient, state, final), kPass | kStopRetransmit | kArmLifeT4);
    }
  }
  // Timer K buffers what still comes, and nobody hears of it.
  for (const auto event : {E::k1xx, E::k2xx, E::k3xxTo6xx}) {
    EXPECT_EQ(next(K::kClient, S::kCompleted, event), S::kCompleted);
    EXPECT_EQ(actions(K::kClient, S::kCompleted, event), kCountAbsorbed);
  }
  EXPECT_EQ(transition(K::kClient, S::kCompleted, E::kTransportError), nullptr);
  EXPECT_EQ(next(K::kClient, S::kCompleted, E::kLifeTimer), S::kTerminated);
}

TEST(TransactionFsm, ServerFigure8) {
  EXPECT_EQ(first_state(K::kServer), S::kTrying);
  EXPECT_EQ(actions(K::kServer, S::kTrying, E::kRequestAgain), kCountAbsorbed);
  EXPECT_EQ(next(K::kServer, S::kTrying, E::kRequestAgain), S::kTrying);
  EXPECT_EQ(next(K::kServer, S::kTrying, E::k1xx), S::kProceeding);
  EXPECT_EQ(next(K::kServer, S::kProceeding, E::k1xx), S::kProceeding);
  EXPECT_TRUE(actions(K::kServer, S::kProceeding, E::kRequestAgain) & kResend);
  for (const auto state : {S::kTrying, S::kProceeding}) {
    for (const auto final : {E::k2xx, E::k3xxTo6xx}) {
      EXPECT_EQ(next(K::kServer, state, final), S::kCompleted);
      EXPECT_EQ(actions(K::kServer, state, final), kSend | kArmLife64T1);  // timer J, no G
    }
  }
  // Once there is a final response no other one is sent.
  EXPECT_TRUE(actions(K::kServer, S::kCompleted, E::kRequestAgain) & kResend);
  for (const auto event : {E::k1xx, E::k2xx, E::k3xxTo6xx}) {
    EXPECT_EQ(transition(K::kServer, S::kCompleted, event), nullptr);
  }
  EXPECT_EQ(next(K::kServer, S::kCompleted, E::kLifeTimer), S::kTerminated);
}

TEST(TransactionFsm, EveryStateReachedHasAWayOut) {
  // Completed, Confirmed and Accepted end by their life timer; nothing lives for ever.
  for (const auto kind : {K::kInviteClient, K::kClient, K::kInviteServer, K::kServer}) {
    for (const auto state : {S::kCompleted, S::kConfirmed, S::kAccepted}) {
      const bool used = transition(kind, state, E::k1xx) || transition(kind, state, E::k2xx) ||
                        transition(kind, state, E::kRequestAgain) ||
                        transition(kind, state, E::kAck) || transition(kind, state, E::k3xxTo6xx);
      if (!used) continue;
      EXPECT_EQ(next(kind, state, E::kLifeTimer), S::kTerminated);
    }
  }
}

}  // namespace
}  // namespace tandem::sip
