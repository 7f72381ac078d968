// The media of one call: for each m= section an RTP port towards either party, with RTCP's behind
// it unless ports are dealt out one by one, and a flow for each of them, all on one worker. A T.38
// fax (UDPTL) goes through RTP ports unread; it, and other sections, come and go by re-INVITE.
// Owner: the shard's thread.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "controlplane/media/datapath.h"
#include "controlplane/media/dtls_association.h"
#include "controlplane/media/ports.h"
#include "controlplane/media/rtcp_leg.h"
#include "controlplane/media/sounds.h"
#include "controlplane/media/srtp_leg.h"
#include "controlplane/sdp/sdp.h"

namespace tandem::media {

enum class Side : std::uint8_t { kCaller = 0, kCallee = 1 };

// Where a party's signalling comes from; unset: not known.
struct Source {
  base::IpAddress address{};
  bool behind_nat = false;
};

class MediaSession;

class MediaListener {
 public:
  // A party's voice, or what else is on an RTP port, will never have keys. Not to be answered by
  // ending the session then and there.
  virtual void on_media_unsafe(const MediaSession& session, DtlsFailure failure) = 0;

 protected:
  ~MediaListener() = default;
};

class MediaSession final : DtlsListener {
 public:
  static constexpr std::size_t kStreamsMax = 4;

  // `addresses`: the plan's media address towards caller and callee. `cookie` comes back in events.
  MediaSession(Datapath& datapath, MediaPorts& ports, const wire::CorridorPlan& plan,
               std::array<std::uint32_t, 2> addresses, std::uint64_t cookie, std::uint8_t tos);
  // Ports of flows that were never reported closed are given back all the same.
  ~MediaSession();
  MediaSession(const MediaSession&) = delete;
  MediaSession& operator=(const MediaSession&) = delete;

  // Its media don't go through us: no ports, no flows, and descriptions pass as they are. Before
  // open().
  void go_direct() { direct_ = true; }
  bool direct() const { return direct_; }
  // Takes ports and opens flows for each m= section that we relay (RTP or UDPTL, not rejected, at
  // most kStreamsMax). `from` is the party whose description this is. False: no ports left; nothing
  // is open then. Once.
  bool open(const sdp::Description& description, Side from, base::Nanos now);
  bool is_open() const { return direct_ || !streams_.empty(); }
  // The plan's media address towards this party.
  std::uint32_t address(Side side) const { return addresses_[static_cast<std::size_t>(side)]; }
  // A change of the session is offered: opens what it adds, as far as there is room; other sections
  // have port 0 in rewritten(). Then either of:
  void propose(const sdp::Description& offer, Side from, base::Nanos now);
  // it was refused: what it added is closed;
  void withdraw(base::Nanos now);
  // it was answered: the clocks are those of the answer's codecs, and what the answer leaves out is
  // closed, but for the first stream. An early dialog's answer closes nothing: others may differ.
  void agree(const sdp::Description& answer, base::Nanos now);
  void agree_early(const sdp::Description& answer);
  // Whether anything in this description goes through the streams that are open.
  bool relays(const sdp::Description& description) const;
  // Where this party's signalling comes from. It stands for an address of its descriptions that
  // nobody could send to: a private one, of who is behind a NAT or signals from a public address.
  // Before the description is looked at.
  void set_source(Side side, const Source& source) {
    sources_[static_cast<std::size_t>(side)] = source;
  }
  const Source& source(Side side) const { return sources_[static_cast<std::size_t>(side)]; }
  // The payloads of this party's RTP, both ways, are encrypted so. Before open().
  void encrypt(Side side, config::PayloadSecret secret);
  const config::PayloadSecret& secret(Side side) const {
    return secrets_[static_cast<std::size_t>(side)];
  }
  // SRTP with this party under this rule; `means` and `listener` outlive this. Before open(). With
  // nobody protected by us, what parties say of SRTP passes from one to the other, but for media
  // over DTLS (UDP/TLS/RTP/SAVP), whose handshakes we don't relay.
  void protect(Side side, SrtpRule rule, const SrtpMeans& means, MediaListener& listener);
  SrtpRule rule(Side side) const { return rules_[static_cast<std::size_t>(side)]; }
  // What SRTP and RTCP make of an offer that is open (open(), propose()), of an answer, and of an
  // offer that is ours: rewritten() shows it to the other party then, or to this one. False: what a
  // party's policy demands isn't in there, or what it forbids is.
  bool take_offer(const sdp::Description& offer, Side from);
  bool take_answer(const sdp::Description& answer, Side from);
  void make_offer(Side to);
  // Where this party receives, by its latest description.
  void set_remote(Side side, const sdp::Description& description);
  // The description as the other party shall see it: our addresses and ports in it.
  std::string rewritten(const sdp::Description& description, Side from) const;

  // What the switch says itself to a party, through the first stream (media_play.cc); nothing where
  // there is none. `law`: 0 PCMU, 8 PCMA. The tone gives way to what the other party sends.
  // Whether it can be said in that section of the party's offer: not where its keys are only known
  // to the other party, nor where they have yet to be agreed on by DTLS.
  bool can_speak(Side to, const sdp::Description& offer, std::size_t section) const;
  const base::IpAddress& own_address(Side to) const { return plan_.addresses[address(to)]; }
  void ring(Side to, const Sounds::Ringback& tone, std::uint8_t law);
  // Its number, for ended(); 0: it isn't played.
  std::uint32_t announce(Side to, const Sounds::Announcement& sound, std::uint8_t law);
  void hush(Side to);
  bool ended(const wire::PlayEnded& event, std::uint32_t number) const;
  void send_digit(Side to, std::uint8_t event, std::uint16_t duration_ms,
                  std::uint8_t payload_type);
  // What becomes of this party's telephone events.
  void set_events(Side from, const wire::SetEvents& order);
  // Closes all flows; their last figures come by on_closed().
  void close(base::Nanos now);
  // Takes an event of one of our flows. True: it was the last one that close() waited for.
  bool on_closed(const wire::FlowClosed& event);
  // DTLS of a flow, from there. False: no flow of ours that speaks it.
  bool on_dtls(FlowKey key, const base::Endpoint& from, DtlsHandshake::Datagram datagram);
  // The party whose RTP arrives at this port; no value: not a port of ours, or RTCP.
  std::optional<Side> side_of(FlowKey rtp) const;
  bool closing() const { return open_flows_ != 0; }

  // The meter of the first stream's RTP that came from this party: final when closed, else the
  // worker's last publication. False: never known.
  bool figures(Side from, wire::FlowFigures& out) const;
  // What this party has reported of how it receives the first stream, on RTCP's own port or on
  // RTP's, likewise. False: nothing.
  bool report(Side by, wire::ReceptionReport& out) const;
  // When media of this party came last, or its flow was opened, by the workers' publications, which
  // are about a second old; 0: none is known.
  base::Nanos last_heard(Side side) const;

 private:
  struct Flow {
    FlowKey key;
    FlowGeneration generation = 0;
    bool final_known = false;
    bool figures_known = false;
    wire::FlowFigures final{};
    wire::ReceptionReport report{};
  };
  // Index: [side][0 RTP, 1 RTCP]; the latter only where RTCP has ports.
  struct Stream {
    std::size_t section;  // which m=
    bool proposed = false;
    std::array<std::array<Flow, 2>, 2> flows;
    std::array<RtcpLeg, 2> rtcp;                            // by side
    std::array<SrtpLeg, 2> srtp;                            // by side
    std::array<std::optional<SrtpLeg::Terms>, 2> in_use{};  // what the flows have been told
    std::array<std::array<std::unique_ptr<DtlsAssociation>, 2>, 2> dtls{};  // as `flows`
  };

  static constexpr std::size_t kNoSection = SIZE_MAX;

  // Some party's media are protected by us.
  bool protects() const {
    return rules_[0].policy != SrtpPolicy::kOff || rules_[1].policy != SrtpPolicy::kOff;
  }
  void use_srtp(Stream& stream);
  void use_rtcp(const Stream& stream);
  // The flows towards one party.
  std::span<Flow> ends(Stream& stream, std::size_t side) const {
    return std::span(stream.flows[side]).first(ports_.has_rtcp() ? 2 : 1);
  }
  void use_srtp(Stream& stream, std::size_t side, const SrtpLeg::Terms& terms);
  void use_dtls(Stream& stream, std::size_t side, const SrtpLeg::Dtls& terms);
  void expect_dtls();
  void on_dtls_failed(FlowKey key, DtlsFailure failure) override;
  bool told(const Flow& flow, wire::FlowFigures& figures, wire::ReceptionReport& report) const;
  bool add_stream(std::size_t section, base::Nanos now);
  void open_flows(Stream& stream, const sdp::Media& media, Side from);
  void close_flows(Stream& stream);
  void leave(std::size_t stream, base::Nanos now);
  void on_left_closed(const wire::FlowClosed& event);
  base::Endpoint reachable(const base::Endpoint& remote, Side side) const;
  std::size_t section_of(std::size_t stream, const sdp::Description& description) const;
  void give_ports_back(base::Nanos now);
  void give_back(const Stream& stream, base::Nanos now);
  const Flow* voice(Side side) const;

  Datapath& datapath_;
  MediaPorts& ports_;
  const wire::CorridorPlan& plan_;
  std::array<std::uint32_t, 2> addresses_;
  std::uint64_t cookie_;
  std::uint8_t tos_;
  bool direct_ = false;
  std::array<Source, 2> sources_{};
  std::array<std::string, 2> described_;  // each party's latest description
  std::array<config::PayloadSecret, 2> secrets_{};
  std::array<SrtpRule, 2> rules_{};
  const SrtpMeans* means_ = nullptr;  // set while protects()
  MediaListener* listener_ = nullptr;
  bool settled_ = false;  // parties have nothing more to wait for before they send
  std::vector<Stream> streams_;
  // Closed in the middle of the call, until the dataplane has said so, and since when.
  std::vector<std::pair<Stream, base::Nanos>> left_;
  std::uint32_t plays_ = 0;     // the last one's number
  std::size_t open_flows_ = 0;  // after close(): flows not yet reported closed
  bool ports_held_ = false;
  base::Nanos closed_at_{};
};

}  // namespace tandem::media
