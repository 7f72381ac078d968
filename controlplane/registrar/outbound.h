// Our registrations with others, as a client of RFC 3261 §10.2: registered, refreshed before they
// run out, tried again after a fixed delay when they fail (SS_SIP_USER_AGENT_RETRY_DELAY), and
// taken back when they are removed and when the switch ends. This is the part of one shard, which
// has those whose names fall to it; all shards are told of all, so that the calls of each know them
// (upstreams.h).
//
// Owner: the shard's thread.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "controlplane/config/parameters.h"
#include "controlplane/registrar/upstreams.h"
#include "controlplane/sip/client_transactions.h"

namespace tandem::registrar {

enum class OutboundState : std::uint8_t { kTrying, kRegistered, kFailed };
std::string_view state_name(OutboundState state);

// One of them, for people.
struct OutboundStatus {
  std::string name;
  std::string server;
  std::string contact;
  OutboundState state;
  int status = 0;            // the last final response; 0: none
  std::string reason{};      // why it has failed
  base::Nanos since{};       // it is in this state
  base::Nanos left{};        // of what was granted; 0: nothing
  base::Nanos until_next{};  // until it is refreshed or tried again
};

class OutboundRegistrations final : sip::ClientUser, loop::TimerListener {
 public:
  // Between two attempts with one place, of all shards: refreshes keep apart by themselves then.
  static constexpr base::Nanos kGap = base::Millis{20};
  // When the switch ends, all are taken back within this.
  static constexpr base::Nanos kFarewell = base::Seconds{1};
  // A Retry-After beyond this isn't believed.
  static constexpr base::Nanos kRetryAfterMost = base::Seconds{3600};
  // However little is granted.
  static constexpr base::Nanos kRefreshLeast = base::Seconds{5};

  // All outlive this.
  struct Setup {
    sip::Environment& env;
    const config::Parameters& parameters;
    Upstreams& upstreams;  // this shard's
    std::uint32_t shards = 1;
    // One is registered, at this place, or no longer: for the other shards' upstreams.
    std::function<void(const std::string& name, bool registered, const base::Endpoint& at)> told{};
  };
  explicit OutboundRegistrations(const Setup& setup);
  ~OutboundRegistrations();
  OutboundRegistrations(const OutboundRegistrations&) = delete;
  OutboundRegistrations& operator=(const OutboundRegistrations&) = delete;

  // Adds it, or changes what is different: another binding replaces the former one, which is taken
  // back first; all else keeps its Call-ID, CSeq, nonces and timers.
  void apply(const OutboundOrder& order);
  void remove(const std::string& name);
  // Tries now instead of at its time. False: it isn't this shard's.
  bool retry(const std::string& name);

  // The switch ends: all are taken back. quiet(): and that is done.
  void drain();
  bool quiet() const { return entries_.live() == 0; }

  // Where the responses go.
  sip::ClientTransactions& transactions() { return transactions_; }
  std::vector<OutboundStatus> show();

 private:
  struct Entry;

  void on_response(sip::ClientId id, std::uint64_t cookie, const sip::Message& response) override;
  void on_timeout(sip::ClientId id, std::uint64_t cookie) override;
  void on_failure(sip::ClientId id, std::uint64_t cookie) override;
  void on_client_end(sip::ClientId, std::uint64_t) override {}
  void on_timer(std::uint64_t word) override;

  Entry* find(const std::string& name);
  void begin(const OutboundOrder& order);
  void change(Entry& entry, const OutboundOrder& order);
  void leave(Entry& entry);
  void say_goodbye(Entry& entry);
  void end(Entry& entry);
  void arm(Entry& entry, base::Nanos at);
  void attempt(Entry& entry);
  void send(Entry& entry);
  std::string build(Entry& entry);
  void on_silence(sip::ClientId id, std::uint64_t cookie, std::string_view reason);
  void on_final(Entry& entry, const sip::Message& response);
  void on_last(Entry& entry, const sip::Message& response);
  void on_challenge(Entry& entry, const sip::Message& response);
  void on_too_brief(Entry& entry, const sip::Message& response);
  void on_success(Entry& entry, const sip::Message& response);
  // `again`: another place may do better.
  void fail(Entry& entry, int status, std::string_view reason, bool again = false,
            base::Nanos wait = {});
  void tell(const Entry& entry, bool registered);
  base::Nanos expiry_of(const Entry& entry) const;
  base::Nanos delay_of(const Entry& entry) const;
  // When the next attempt with this entry's place may leave.
  base::Nanos turn_of(const Entry& entry);

  Setup setup_;
  sip::ClientTransactions transactions_;
  base::Slab<Entry> entries_;  // the cookies and the timers' words are their handles
  std::unordered_map<std::string, base::Handle> by_name_;
  std::unordered_map<std::string, base::Handle> leavers_;  // one a name, by name
  std::unordered_map<std::string, base::Nanos> turns_;     // by place
};

// Whether the registration of this name is that shard's.
bool falls_to(std::string_view name, std::uint32_t shard, std::uint32_t shards);

}  // namespace tandem::registrar
