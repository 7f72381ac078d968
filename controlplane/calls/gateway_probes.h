// Whether routing gateways are there (their setting `probe`): each is asked by OPTIONS once in that
// time. Only a proper answer counts, one that a gateway in service gives: 2xx, 3xx, 4xx but 408, or
// 501 from who doesn't know OPTIONS. No answer, no way there, 5xx or 6xx: no calls go to it until
// it answers properly again. This is the part of one shard: every n-th gateway.
//
// Owner: the shard's thread.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>

#include "controlplane/config/site.h"
#include "controlplane/routing/gateway_table.h"
#include "controlplane/sip/client_transactions.h"

namespace tandem::calls {

class GatewayProbes final : sip::ClientUser {
 public:
  // How often it is looked whose turn it is.
  static constexpr base::Nanos kLook = base::Millis{100};

  // All outlive this.
  struct Setup {
    sip::Environment& env;
    const config::Site& site;
    routing::GatewayTable& gateways;
    std::uint32_t shards = 1;
  };
  explicit GatewayProbes(const Setup& setup) : setup_(setup), transactions_(setup.env, *this) {}

  // Once a turn.
  void tend();
  // Where the responses go.
  sip::ClientTransactions& transactions() { return transactions_; }

 private:
  struct Probed {
    base::Nanos due{};
    base::Nanos sent{};
    sip::ClientId under_way{};  // none: it was answered, or nothing came
  };

  void on_response(sip::ClientId id, std::uint64_t cookie, const sip::Message& response) override;
  void on_timeout(sip::ClientId id, std::uint64_t cookie) override;
  void on_failure(sip::ClientId id, std::uint64_t cookie) override;
  void on_client_end(sip::ClientId id, std::uint64_t cookie) override;

  void look(routing::GatewayIndex index, const routing::GatewayEntry& entry, base::Nanos now);
  void ask(routing::GatewayIndex index, const config::Gateway& gateway);
  bool settle(routing::GatewayIndex index, sip::ClientId id);
  void hear(routing::GatewayIndex index, bool properly);

  Setup setup_;
  sip::ClientTransactions transactions_;
  std::unordered_map<routing::GatewayIndex, Probed> probed_;  // their cookies: one more than these
  base::Nanos next_look_{};
};

}  // namespace tandem::calls
