// Requests of a leg whose peer may ask for a password (RFC 3261 §22.2, §22.3): they leave with the
// proofs that the nonces known so far allow, are kept until they are answered, and go out again
// with a new proof, CSeq and branch when they are challenged, under the same transaction id, so
// that nobody above notices. A leg without credentials keeps nothing. Owner: the shard's thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "controlplane/sip/client_transactions.h"
#include "controlplane/sip/digest_client.h"

namespace tandem::sip {

class ProvenRequests {
 public:
  // What proves who we are; nullptr: nothing does.
  void use(std::shared_ptr<DigestClient> credentials) { credentials_ = std::move(credentials); }
  bool active() const { return credentials_ != nullptr; }

  // The request with its proofs, as it is to be sent in this transaction; kept without them.
  std::string prove(ClientId id, int fork, std::string request);
  // The same for the ACK of a 2xx: those of its INVITE (§13.2.2.4).
  std::string prove_ack(std::string ack) const;

  // In whose dialog the request of this transaction is; none: it isn't kept.
  std::optional<int> fork_of(ClientId id) const;
  // A 401 or 407 to it. False: that is the answer.
  bool challenged(ClientId id, const Message& response);
  // After that: sends it again.
  void send_again(ClientTransactions& clients, ClientId id, std::uint32_t cseq);
  void forget(ClientId id);

 private:
  struct Kept {
    ClientId id;
    int fork;
    std::string request;
    DigestExchange exchange{};
  };

  Kept* find(ClientId id);
  std::string with_lines(const std::string& request);

  std::shared_ptr<DigestClient> credentials_;
  std::vector<Kept> kept_;
  std::string invite_lines_;  // of our last INVITE
};

}  // namespace tandem::sip
