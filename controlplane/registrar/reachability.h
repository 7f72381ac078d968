// Whether registered phones are there (SS_ENDPOINTTIMETOLIVE): each is asked by OPTIONS once an
// interval, evenly spread over it. Any response says yes; none within the transaction's time, or no
// way there, says no: calls to it find nobody until it answers again or registers. This is the part
// of one shard: the phones of its share of the table.
//
// Owner: the shard's thread.
#pragma once

#include <cstdint>
#include <string>

#include "controlplane/config/parameters.h"
#include "controlplane/registrar/binding_round.h"
#include "controlplane/registrar/contact.h"
#include "controlplane/sip/client_transactions.h"

namespace tandem::registrar {

class Reachability final : sip::ClientUser {
 public:
  // In one turn, at most.
  static constexpr std::uint32_t kPerTurn = 32;

  // All outlive this.
  struct Setup {
    sip::Environment& env;
    const config::Parameters& parameters;
    BindingTable& bindings;
    std::uint32_t shards = 1;
  };
  explicit Reachability(const Setup& setup);

  // Once a turn.
  void tend();
  // Where the responses go.
  sip::ClientTransactions& transactions() { return transactions_; }

 private:
  struct Probe {
    BindingId binding;
    base::Nanos sent;
  };

  void on_response(sip::ClientId id, std::uint64_t cookie, const sip::Message& response) override;
  void on_timeout(sip::ClientId id, std::uint64_t cookie) override;
  void on_failure(sip::ClientId id, std::uint64_t cookie) override;
  void on_client_end(sip::ClientId id, std::uint64_t cookie) override;

  void ask(const std::string& account, const Contact& contact, const BindingId& binding);
  void hear_nothing(std::uint64_t cookie);
  void forget(base::Handle probe);

  Setup setup_;
  sip::ClientTransactions transactions_;
  base::Slab<Probe> probes_;  // the cookies are their handles
  BindingRound round_;
  base::Nanos began_;        // the round
  std::uint64_t size_ = 0;   // of the round, when it began
  std::uint64_t asked_ = 0;  // in it
};

}  // namespace tandem::registrar
