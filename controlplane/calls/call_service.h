// All calls of one shard: makes them for new INVITEs, leads events to them, and sees that each
// one's record is written before the call is dropped. Owner: the shard's thread.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "controlplane/calls/call.h"
#include "controlplane/cdr/journal.h"

namespace tandem::calls {

class CallService final : public sip::CallHandler, public media::FlowListener, Switchboard {
 public:
  static constexpr std::uint32_t kCallsMax = 50'000;

  // `life`: this control plane's start, for names of calls that are never given twice.
  CallService(sip::Environment& env, const config::Site& site, routing::GatewayTable& gateways,
              routing::Router& routes, media::Datapath& datapath, media::MediaPorts& ports,
              cdr::Journal& journal, std::string life);
  void attach(sip::UserAgent& user_agent) { agent = &user_agent; }
  // Without it, calls are gateways' only.
  void serve(registrar::Subscribers& all) { subscribers = &all; }
  void reach(registrar::Upstreams& all) { upstreams = &all; }
  // Without them, no tone is heard, and no announcement.
  void play(const media::Sounds& all) { sounds = &all; }
  // Without it, our death costs the records that aren't on disk.
  void keep_in(cdr::OpenCalls& kept) { open_calls = &kept; }
  // Without it, SRTP is keyed by SDES alone.
  void shake_hands_as(const media::DtlsIdentity& identity) { srtp.identity = &identity; }

  bool knows(const sip::Path& path) override;
  bool hides_from(const sip::Path& path) override;
  std::optional<sip::DoorAnswer> refuse_stranger(const sip::Message& request,
                                                 const sip::Path& path) override;
  void on_invite(sip::SessionId id, sip::InviteSession& session, const sip::Message& invite,
                 const sip::Path& path) override;
  void on_flow_latched(const wire::FlowLatched& event) override;
  void on_flow_closed(const wire::FlowClosed& event) override;
  void on_play_ended(const wire::PlayEnded& event) override;
  void on_digit_heard(const wire::DigitHeard& event) override;

  // DTLS of an open flow, from there.
  void on_dtls(const media::Datapath::Place& flow, const base::Endpoint& from,
               media::DtlsHandshake::Datagram datagram);

  // The name of the call that a flow's cookie means; empty: none.
  std::string name_of(std::uint64_t cookie);
  // False: no such call, or it is ending already.
  bool hang_up(const std::string& name, ReleaseCause cause);
  // Another device has registered in the place of this account's contact: the calls of who had it
  // end.
  void end_replaced(const std::string& account, const sip::Binding& contact);
  // The switch goes down: no new calls, and all are hung up …
  void drain();
  // … and what is left at the deadline is recorded as it stands.
  void record_all_now();
  void each(const std::function<void(const Call&)>& visit);
  std::uint32_t live() const { return calls_.live(); }

  // Drops calls that are over. Once a turn, with nothing of theirs on the stack.
  void tidy();

 private:
  void call_over(CallId id, cdr::CallRecord record, std::uint32_t slot) override;
  Call* call(CallId id) override { return id ? calls_.find(id.handle) : nullptr; }
  std::tuple<CallId, Call*, std::string> make_call() override;
  void note_account(CallId id, const std::string& account) override;
  void forget_account(base::Handle call, const std::string& account);
  std::string name_for(base::Handle handle) const;
  // There is a place for one more record, on its way to the disk and until then.
  bool room_for_record();
  void refuse(sip::InviteSession& session, ReleaseCause cause);
  // An attempt that doesn't become a call leaves a record nevertheless.
  void refuse_recorded(sip::InviteSession& session, const sip::Message& invite, const Payer& payer,
                       ReleaseCause cause);
  cdr::CallRecord refused_record(const sip::Message& invite, const Payer& payer,
                                 ReleaseCause cause);
  // Whose call this is; none: a routing gateway's, which only takes calls.
  std::optional<Payer> payer_of(const sip::Message& invite, const sip::Path& path);

  cdr::Journal& journal_;
  std::string life_;
  std::shared_ptr<const config::Parameters> parameters_;
  bool follows_;  // REFER and Replaces are ours to carry out
  bool draining_ = false;
  base::Slab<Call> calls_{kCallsMax};
  // Calls (raw handles) by account; a trunk's account may have thousands.
  std::unordered_map<std::string, std::unordered_set<std::uint64_t>> by_account_;
  // Of the request that is at the door: it has proven that it is this account's.
  std::optional<Payer> proven_;
  struct Over {
    CallId id;
    std::vector<std::string> accounts;  // of its record, which is on its way
  };
  std::vector<Over> over_;
};

}  // namespace tandem::calls
