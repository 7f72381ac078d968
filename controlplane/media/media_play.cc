// The part of a session that speaks to a party itself: tones, announcements, digits.
#include "controlplane/media/media_session.h"

namespace tandem::media {

// Its RTP, or nullptr: there is none that could carry a voice.
const MediaSession::Flow* MediaSession::voice(Side side) const {
  if (direct_ || streams_.empty() || closed_at_ != base::Nanos{}) return nullptr;
  return &streams_.front().flows[static_cast<std::size_t>(side)][0];
}

bool MediaSession::can_speak(Side to, const sdp::Description& offer, std::size_t section) const {
  if (voice(to) == nullptr || streams_.front().section != section) return false;
  if (streams_.front().srtp[static_cast<std::size_t>(to)].awaits_dtls()) return false;
  return rule(to).policy != SrtpPolicy::kOff || !offer.media[section].secure();
}

void MediaSession::ring(Side to, const Sounds::Ringback& tone, std::uint8_t law) {
  const Flow* flow = voice(to);
  if (flow == nullptr) return;
  wire::Play order;
  order.sound = tone.number;
  order.payload_type = law;
  order.loops = order.yields = 1;
  order.number = ++plays_;
  order.cadence = tone.cadence;
  datapath_.play(flow->key, flow->generation, order);
}

std::uint32_t MediaSession::announce(Side to, const Sounds::Announcement& sound, std::uint8_t law) {
  const Flow* flow = voice(to);
  if (flow == nullptr) return 0;
  wire::Play order;
  order.sound = sound.number;
  order.payload_type = law;
  order.number = ++plays_;
  datapath_.play(flow->key, flow->generation, order);
  return plays_;
}

void MediaSession::hush(Side to) {
  if (const Flow* flow = voice(to)) datapath_.stop_play(flow->key, flow->generation);
}

bool MediaSession::ended(const wire::PlayEnded& event, std::uint32_t number) const {
  return event.number == number && side_of(event.key).has_value();
}

void MediaSession::send_digit(Side to, std::uint8_t event, std::uint16_t duration_ms,
                              std::uint8_t payload_type) {
  const Flow* flow = voice(to);
  if (flow == nullptr) return;
  wire::SendDigit order;
  order.event = event;
  order.payload_type = payload_type;
  order.duration_ms = duration_ms;
  datapath_.send_digit(flow->key, flow->generation, order);
}

void MediaSession::set_events(Side from, const wire::SetEvents& order) {
  if (const Flow* flow = voice(from)) datapath_.set_events(flow->key, flow->generation, order);
}

}  // namespace tandem::media
