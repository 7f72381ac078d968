#include "controlplane/media/sounds.h"

#include "controlplane/media/g711.h"
#include "controlplane/media/sound_file.h"

namespace tandem::media {
namespace {

constexpr std::size_t kSamplesOfMilli = 8;
constexpr std::uint16_t kFrameMs = 20;

int put(wire::SoundBank& bank, const std::vector<std::int16_t>& samples) {
  std::vector<std::uint8_t> pcmu, pcma;
  for (const std::int16_t sample : samples) {
    pcmu.push_back(pcmu_of(sample));
    pcma.push_back(pcma_of(sample));
  }
  return bank.add(pcmu, pcma);
}

}  // namespace

base::Result<Sounds> Sounds::read(const std::string& folder,
                                  const std::vector<std::string>& names) {
  Sounds out;
  std::string faults;
  for (const std::string& name : names) {
    auto samples = read_sound(folder + "/" + name + ".wav");
    if (samples)
      out.read_[name] = std::move(samples).value();
    else
      faults += (faults.empty() ? "" : "\n") + samples.error_text();
  }
  if (!faults.empty()) return base::error(faults);
  return out;
}

bool Sounds::fill(wire::SoundBank& bank) {
  bank.clear();
  // What sounds alike lies there once.
  std::map<std::array<std::uint16_t, 2>, int> numbers;
  for (std::size_t i = 0; i < ring_countries(); ++i) {
    const Tone& tone = ringback_of(static_cast<RingCountry>(i));
    auto [known, fresh] = numbers.try_emplace(tone.hz, 0);
    if (fresh) known->second = put(bank, samples_of(tone));
    if (known->second < 0) return false;
    tones_.push_back(static_cast<std::uint16_t>(known->second));
  }
  for (const auto& [name, samples] : read_) {
    const int number = put(bank, samples);
    if (number < 0) return false;
    const auto length = base::Millis{static_cast<std::int64_t>(samples.size() / kSamplesOfMilli)};
    announcements_[name] = {static_cast<std::uint16_t>(number), length};
  }
  read_.clear();
  return true;
}

std::optional<Sounds::Announcement> Sounds::find(std::string_view name) const {
  const auto found = announcements_.find(name);
  return found == announcements_.end() ? std::nullopt : std::optional(found->second);
}

Sounds::Ringback Sounds::ringback(RingCountry country) const {
  Ringback out{.number = tones_[static_cast<std::size_t>(country)], .cadence = {}};
  const Tone& tone = ringback_of(country);
  for (std::size_t i = 0; i < tone.cadence_ms.size(); ++i) {
    out.cadence[i] = static_cast<std::uint16_t>(tone.cadence_ms[i] / kFrameMs);
  }
  return out;
}

}  // namespace tandem::media
