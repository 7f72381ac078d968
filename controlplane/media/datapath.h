// The shard's hand on the dataplane: flows are opened, changed and closed by commands that need no
// answer; what the workers tell comes back as events. Remembers every flow that it opened, so that
// a restarted dataplane gets them all again. Owner: the shard's thread.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "controlplane/config/payload_secret.h"
#include "drivers/base/clock.h"
#include "drivers/crypto/srtp_suite.h"
#include "drivers/wire/channel.h"
#include "drivers/wire/segment.h"

namespace tandem::media {

using wire::FlowGeneration;
using wire::FlowKey;

class FlowListener {
 public:
  virtual void on_flow_latched(const wire::FlowLatched& event) = 0;
  virtual void on_flow_closed(const wire::FlowClosed& event) = 0;
  virtual void on_play_ended(const wire::PlayEnded& event) = 0;
  virtual void on_digit_heard(const wire::DigitHeard& event) = 0;

 protected:
  ~FlowListener() = default;
};

class Datapath {
 public:
  // `ends`: one per worker, attached; they and the segment outlive this. `life` is the control
  // plane's generation in the segment: the upper half of all flow generations.
  Datapath(wire::Segment& segment, std::vector<wire::ControlEnd*> ends, std::uint32_t life,
           wire::CounterBlock& counters);

  // SIP to this address comes up to us from now on.
  void bind_signal(const base::Endpoint& local);

  // Signalling from there is dropped by all workers until then, and by a restarted dataplane too;
  // again: until another time. Addresses that no worker can see are none of theirs.
  void suspend(const base::IpAddress& address, base::Nanos until);
  void lift(const base::IpAddress& address);
  // Whatever a former control plane has suspended.
  void lift_all();

  // Fills in the generation, and the name of the key, and sends; the workers get a key before the
  // first flow that has it and wipe it after the last. Returns the generation.
  FlowGeneration open(wire::OpenFlow flow, const config::PayloadSecret& secret = {});
  // `anew`: the party described itself anew, so that its source may have moved.
  void update(FlowKey key, FlowGeneration generation, const base::Endpoint& remote,
              wire::FlowKind kind, bool anew);
  void set_clock(FlowKey key, FlowGeneration generation, std::uint8_t clock_khz);
  void set_rtcp_way(FlowKey key, FlowGeneration generation, wire::RtcpWay way);
  // How the party of this flow protects its media; the flow was opened with kSrtp. Fills in key and
  // generation.
  void set_srtp(FlowKey key, FlowGeneration generation, wire::SetSrtp order);
  // DTLS from this flow's port; `to` unset: to where the party was signalled. False: there is no
  // such flow, nowhere to send to, or no room.
  bool send_dtls(FlowKey key, FlowGeneration generation, const base::Endpoint& to,
                 std::span<const std::byte> datagram);
  // Where it is sent then is known.
  bool knows_party(FlowKey key, FlowGeneration generation) const;
  // The open flow that receives at this end of ours, and its cookie; no value: there is none.
  struct Place {
    FlowKey key;
    std::uint64_t cookie;
  };
  std::optional<Place> flow_at(const base::Endpoint& local) const;
  // To the far end of this flow, in place of what is played there. What goes on over and over is
  // begun again on a restarted dataplane; the generation is filled in here.
  void play(FlowKey key, FlowGeneration generation, wire::Play order);
  void stop_play(FlowKey key, FlowGeneration generation);
  void send_digit(FlowKey key, FlowGeneration generation, wire::SendDigit order);
  void set_events(FlowKey key, FlowGeneration generation, wire::SetEvents order);
  // Ends in on_flow_closed, unless the dataplane isn't there to say so.
  void close(FlowKey key, FlowGeneration generation);
  // A flow of a former control plane, by its record's generation.
  void close_orphan(FlowKey key, FlowGeneration generation);

  // The worker's latest publication about this flow. False: none for this generation.
  bool record(FlowKey key, FlowGeneration generation, wire::FlowRecord& out) const;

  // Sends what had no room, follows a restarted dataplane, hands events to the listener. Returns
  // the number of events.
  std::uint32_t poll(FlowListener& listener);

  std::size_t live_flows() const { return open_.size(); }
  std::size_t live_keys() const { return keys_.size(); }

 private:
  // That open flows have.
  struct Key {
    wire::PayloadKeyName name = 0;
    std::uint32_t flows = 0;
    config::PayloadSecret secret;
  };

  static std::uint32_t word(FlowKey key) {
    return (static_cast<std::uint32_t>(key.address) << 16) | key.port;
  }
  void send(FlowKey key, const wire::Command& command);
  void send_to_worker(std::uint32_t worker, const wire::Command& command);
  void send_bind(const base::Endpoint& local);
  void send_to_all(const wire::Command& command);
  void send_suspend(std::uint32_t ip, base::Nanos until);
  void send_open(const wire::OpenFlow& flow);
  void send_update(const wire::OpenFlow& flow, bool anew);
  wire::PayloadKeyName take_key(const config::PayloadSecret& secret);
  void give_key_back(wire::PayloadKeyName name);
  void send_key(const Key& key);
  void send_srtp(const wire::SetSrtp& order);
  void forget_srtp(FlowKey key);
  void forget_voice(FlowKey key);
  void forget_loop(const wire::PlayEnded& ended);
  void send_events(const wire::SetEvents& order);
  void send_play(const wire::Play& order);
  const wire::OpenFlow* find(FlowKey key, FlowGeneration generation) const;
  wire::OpenFlow* find(FlowKey key, FlowGeneration generation);
  void send_pending();
  void follow_dataplane();
  void tell(const wire::Event& event, FlowListener& listener);

  wire::Segment& segment_;
  std::vector<wire::ControlEnd*> ends_;
  std::uint32_t life_;
  wire::CounterBlock& counters_;
  std::uint32_t dataplane_generation_;
  std::uint32_t last_flow_ = 0;
  std::uint32_t last_key_ = 0;
  std::vector<base::Endpoint> signal_addresses_;
  std::unordered_map<std::uint32_t, base::Nanos> suspended_;  // IPv4 in network order: until when
  std::unordered_map<std::uint32_t, wire::OpenFlow> open_;    // by word(key)
  std::unordered_map<std::uint32_t, wire::SetSrtp> srtp_;     // of open flows, by word(key)
  std::unordered_map<std::uint32_t, wire::Play> loops_;       // likewise, while they go on
  std::unordered_map<std::uint32_t, wire::SetEvents> events_of_;
  std::vector<Key> keys_;  // few: one for each gateway that is set to it and has calls
  std::vector<std::deque<wire::Command>> pending_;  // per worker: its ring was full
  std::array<wire::Event, 32> events_;              // poll()'s, so that no turn clears 4 KiB
};

}  // namespace tandem::media
