// What can be played: ringback tones of all countries, and the operator's announcements by name.
// Read at start by main, who puts them into the segment's bank; then any thread reads.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "controlplane/media/tones.h"
#include "drivers/base/clock.h"
#include "drivers/base/result.h"
#include "drivers/wire/messages.h"
#include "drivers/wire/sound_bank.h"

namespace tandem::media {

class Sounds {
 public:
  // Files FOLDER/NAME.wav. Fails with all their faults, a line each.
  static base::Result<Sounds> read(const std::string& folder,
                                   const std::vector<std::string>& names);

  // Once, before the first play. False: too much of it all for the bank.
  bool fill(wire::SoundBank& bank);

  struct Announcement {
    std::uint16_t number = 0;
    base::Millis length{};
  };
  std::optional<Announcement> find(std::string_view name) const;
  struct Ringback {
    std::uint16_t number = 0;
    std::array<std::uint16_t, wire::Play::kCadence> cadence{};  // frames of 20 ms
  };
  Ringback ringback(RingCountry country) const;

 private:
  std::map<std::string, std::vector<std::int16_t>, std::less<>> read_;  // until fill()
  std::map<std::string, Announcement, std::less<>> announcements_;
  std::vector<std::uint16_t> tones_;  // by country
};

}  // namespace tandem::media
