// Requests inside a dialog that are the parties' own business (INFO, MESSAGE, NOTIFY …): those that
// the peer of a leg sent and that wait for an answer from beyond us, and those that this leg sent
// on. Several may be open at once either way, kOpenMax at most. Owner: the session they belong to.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "controlplane/sip/leg.h"

namespace tandem::sip {

// The methods that pass from one leg to the other.
bool is_relayed(Method method);
// RFC 6665 §4.1.2.1, RFC 3515 §2.4.1: these, and their 2xx, move the peer's idea of where we are.
bool moves_target(Method method);

class RelayedRequests {
 public:
  static constexpr std::size_t kOpenMax = 8;

  explicit RelayedRequests(Leg& leg) : leg_(leg) {}

  // The peer's. False: too many of them are open.
  bool take(ServerId id, int fork, Method method);
  // Ignored when it is none of those that wait. To-tag and Contact are added here.
  void answer(ServerId id, Reply reply);
  // The leg ends: those that wait get 487 (RFC 3261 §15.1.2), for nobody will answer them, and
  // nobody waits for the answers to ours.
  void abandon();

  // Ours: the peer's request of another leg, whose transaction `asked` is answered when ours is.
  // False: no room, or it would be too long.
  bool send(int fork, const Message& request, ServerId asked);
  // An INFO that nobody has asked us for.
  bool inform(int fork, std::string_view content_type, std::string_view body);
  // The transaction that the answer to this request of ours is for; it is not open any longer.
  std::optional<ServerId> take_back(ClientId id);

 private:
  struct Theirs {
    ServerId id;
    int fork;
    bool moves_target;
  };
  struct Ours {
    ClientId client;
    ServerId asked;
  };

  Leg& leg_;
  std::vector<Theirs> theirs_;
  std::vector<Ours> ours_;
};

}  // namespace tandem::sip
