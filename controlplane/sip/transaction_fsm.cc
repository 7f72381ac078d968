#include "controlplane/sip/transaction_fsm.h"

#include <span>

namespace tandem::sip {
namespace {

using S = TransactionState;
using E = TransactionEvent;

struct Row {
  S state;
  E event;
  Transition to;
};

// RFC 3261 figure 5, RFC 6026 §8.4 (figure 5 of that RFC's appendix).
constexpr Row kInviteClientRows[] = {
    {S::kCalling, E::k1xx, {S::kProceeding, kPass | kStopRetransmit | kStopLife}},
    {S::kCalling, E::k2xx, {S::kAccepted, kPass | kStopRetransmit | kArmLife64T1}},
    {S::kCalling, E::k3xxTo6xx, {S::kCompleted, kPass | kSendAck | kStopRetransmit | kArmLifeD}},
    {S::kCalling, E::kRetransmitTimer, {S::kCalling, kResend | kArmRetransmit}},
    {S::kCalling, E::kLifeTimer, {S::kTerminated, kTellTimeout}},
    {S::kCalling, E::kTransportError, {S::kTerminated, kTellFailure}},
    {S::kProceeding, E::k1xx, {S::kProceeding, kPass}},
    {S::kProceeding, E::k2xx, {S::kAccepted, kPass | kArmLife64T1}},
    {S::kProceeding, E::k3xxTo6xx, {S::kCompleted, kPass | kSendAck | kArmLifeD}},
    // Armed only once a CANCEL went out (§9.1: 64*T1 later the INVITE counts as cancelled).
    {S::kProceeding, E::kLifeTimer, {S::kTerminated, kTellTimeout}},
    {S::kProceeding, E::kTransportError, {S::kTerminated, kTellFailure}},
    {S::kCompleted, E::k3xxTo6xx, {S::kCompleted, kSendAck | kCountAbsorbed}},
    {S::kCompleted, E::kLifeTimer, {S::kTerminated, 0}},
    {S::kAccepted, E::k2xx, {S::kAccepted, kPass}},
    {S::kAccepted, E::kLifeTimer, {S::kTerminated, 0}},
};

// RFC 3261 figure 6.
constexpr Row kClientRows[] = {
    {S::kTrying, E::k1xx, {S::kProceeding, kPass}},
    {S::kTrying, E::k2xx, {S::kCompleted, kPass | kStopRetransmit | kArmLifeT4}},
    {S::kTrying, E::k3xxTo6xx, {S::kCompleted, kPass | kStopRetransmit | kArmLifeT4}},
    {S::kTrying, E::kRetransmitTimer, {S::kTrying, kResend | kArmRetransmit}},
    {S::kTrying, E::kLifeTimer, {S::kTerminated, kTellTimeout}},
    {S::kTrying, E::kTransportError, {S::kTerminated, kTellFailure}},
    {S::kProceeding, E::k1xx, {S::kProceeding, kPass}},
    {S::kProceeding, E::k2xx, {S::kCompleted, kPass | kStopRetransmit | kArmLifeT4}},
    {S::kProceeding, E::k3xxTo6xx, {S::kCompleted, kPass | kStopRetransmit | kArmLifeT4}},
    {S::kProceeding, E::kRetransmitTimer, {S::kProceeding, kResend | kArmRetransmit}},
    {S::kProceeding, E::kLifeTimer, {S::kTerminated, kTellTimeout}},
    {S::kProceeding, E::kTransportError, {S::kTerminated, kTellFailure}},
    {S::kCompleted, E::k1xx, {S::kCompleted, kCountAbsorbed}},
    {S::kCompleted, E::k2xx, {S::kCompleted, kCountAbsorbed}},
    {S::kCompleted, E::k3xxTo6xx, {S::kCompleted, kCountAbsorbed}},
    {S::kCompleted, E::kLifeTimer, {S::kTerminated, 0}},
};

// RFC 3261 figure 7, RFC 6026 §8.5. Here k1xx … k3xxTo6xx are responses that we send.
constexpr Row kInviteServerRows[] = {
    {S::kProceeding, E::kRequestAgain, {S::kProceeding, kResend | kCountAbsorbed}},
    {S::kProceeding, E::k1xx, {S::kProceeding, kSend}},
    {S::kProceeding, E::k2xx, {S::kAccepted, kSend | kArmLife64T1}},
    {S::kProceeding, E::k3xxTo6xx, {S::kCompleted, kSend | kArmRetransmit | kArmLife64T1}},
    {S::kCompleted, E::kRequestAgain, {S::kCompleted, kResend | kCountAbsorbed}},
    {S::kCompleted, E::kRetransmitTimer, {S::kCompleted, kResend | kArmRetransmit}},
    {S::kCompleted, E::kAck, {S::kConfirmed, kStopRetransmit | kArmLifeT4}},
    {S::kCompleted, E::kLifeTimer, {S::kTerminated, 0}},
    {S::kConfirmed, E::kAck, {S::kConfirmed, kCountAbsorbed}},
    {S::kConfirmed, E::kRequestAgain, {S::kConfirmed, kCountAbsorbed}},
    {S::kConfirmed, E::kLifeTimer, {S::kTerminated, 0}},
    {S::kAccepted, E::kRequestAgain, {S::kAccepted, kCountAbsorbed}},
    {S::kAccepted, E::k2xx, {S::kAccepted, kSend}},
    {S::kAccepted, E::kAck, {S::kAccepted, kPass}},
    {S::kAccepted, E::kLifeTimer, {S::kTerminated, 0}},
};

// RFC 3261 figure 8.
constexpr Row kServerRows[] = {
    {S::kTrying, E::kRequestAgain, {S::kTrying, kCountAbsorbed}},
    {S::kTrying, E::k1xx, {S::kProceeding, kSend}},
    {S::kTrying, E::k2xx, {S::kCompleted, kSend | kArmLife64T1}},
    {S::kTrying, E::k3xxTo6xx, {S::kCompleted, kSend | kArmLife64T1}},
    {S::kProceeding, E::kRequestAgain, {S::kProceeding, kResend | kCountAbsorbed}},
    {S::kProceeding, E::k1xx, {S::kProceeding, kSend}},
    {S::kProceeding, E::k2xx, {S::kCompleted, kSend | kArmLife64T1}},
    {S::kProceeding, E::k3xxTo6xx, {S::kCompleted, kSend | kArmLife64T1}},
    {S::kCompleted, E::kRequestAgain, {S::kCompleted, kResend | kCountAbsorbed}},
    {S::kCompleted, E::kLifeTimer, {S::kTerminated, 0}},
};

std::span<const Row> rows_of(TransactionKind kind) {
  switch (kind) {
    case TransactionKind::kInviteClient:
      return kInviteClientRows;
    case TransactionKind::kClient:
      return kClientRows;
    case TransactionKind::kInviteServer:
      return kInviteServerRows;
    case TransactionKind::kServer:
      return kServerRows;
  }
  return {};
}

}  // namespace

const Transition* transition(TransactionKind kind, TransactionState state, TransactionEvent event) {
  for (const Row& row : rows_of(kind)) {
    if (row.state == state && row.event == event) return &row.to;
  }
  return nullptr;
}

TransactionState first_state(TransactionKind kind) {
  switch (kind) {
    case TransactionKind::kInviteClient:
      return S::kCalling;
    case TransactionKind::kInviteServer:
      return S::kProceeding;
    case TransactionKind::kClient:
    case TransactionKind::kServer:
      return S::kTrying;
  }
  return S::kTerminated;
}

}  // namespace tandem::sip
