// The four transaction state machines of RFC 3261 §17 with RFC 6026's Accepted states, as tables.
// What an event means in a state stands here and nowhere else; who owns timers and bytes is
// elsewhere.
#pragma once

#include <cstdint>

namespace tandem::sip {

enum class TransactionKind : std::uint8_t {
  kInviteClient,  // §17.1.1
  kClient,        // §17.1.2
  kInviteServer,  // §17.2.1
  kServer,        // §17.2.2
};

enum class TransactionState : std::uint8_t {
  kCalling,  // INVITE client
  kTrying,   // the others' first state
  kProceeding,
  kCompleted,
  kConfirmed,  // INVITE server: ACK for a 300–699 is here
  kAccepted,   // RFC 6026: a 2xx was passed
  kTerminated,
};

enum class TransactionEvent : std::uint8_t {
  k1xx,  // a response arrived (client) or is to be sent (server)
  k2xx,
  k3xxTo6xx,
  kRequestAgain,     // server: the peer retransmitted
  kAck,              // INVITE server
  kRetransmitTimer,  // A, E, G
  kLifeTimer,        // B, D, F, H, I, J, K, L, M: by kind and state
  kTransportError,   // client: the request can't be brought to the peer (§17.1.4)
};

// What a transition does, beside changing the state.
using Actions = std::uint32_t;
inline constexpr Actions kPass = 1 << 0;           // tell the transaction's user; done last
inline constexpr Actions kSendAck = 1 << 1;        // §17.1.1.3
inline constexpr Actions kResend = 1 << 2;         // the last message we sent, again
inline constexpr Actions kSend = 1 << 3;           // server: the response at hand
inline constexpr Actions kArmRetransmit = 1 << 4;  // the next gap
inline constexpr Actions kStopRetransmit = 1 << 5;
inline constexpr Actions kArmLife64T1 = 1 << 6;  // B, F, H, J, L, M
inline constexpr Actions kArmLifeD = 1 << 7;     // 32 s
inline constexpr Actions kArmLifeT4 = 1 << 8;    // I, K
inline constexpr Actions kStopLife = 1 << 9;
inline constexpr Actions kTellTimeout = 1 << 10;
inline constexpr Actions kCountAbsorbed = 1 << 11;
inline constexpr Actions kTellFailure = 1 << 12;

struct Transition {
  TransactionState next;
  Actions actions;
};

// nullptr: the event means nothing in this state (a late or foreign message): absorb it.
const Transition* transition(TransactionKind kind, TransactionState state, TransactionEvent event);

TransactionState first_state(TransactionKind kind);

}  // namespace tandem::sip
