#include "controlplane/media/sound_file.h"

#include <fmt/format.h>
#include <sndfile.h>

#include <memory>

#include "drivers/wire/sound_bank.h"

namespace tandem::media {
namespace {

constexpr int kRate = 8000;

bool is_wav(int format) {
  const int kind = format & SF_FORMAT_TYPEMASK;
  return kind == SF_FORMAT_WAV || kind == SF_FORMAT_WAVEX;
}

bool is_telephony(int format) {
  const int coding = format & SF_FORMAT_SUBMASK;
  return coding == SF_FORMAT_PCM_16 || coding == SF_FORMAT_ULAW || coding == SF_FORMAT_ALAW;
}

}  // namespace

base::Result<std::vector<std::int16_t>> read_sound(const std::string& path) {
  const auto refuse = [&](const std::string& why) {
    return base::error(fmt::format("{}: {}", path, why));
  };
  SF_INFO info{};
  const std::unique_ptr<SNDFILE, int (*)(SNDFILE*)> file(sf_open(path.c_str(), SFM_READ, &info),
                                                         sf_close);
  if (!file) return refuse(sf_strerror(nullptr));
  if (!is_wav(info.format)) return refuse("is no WAV file");
  if (!is_telephony(info.format)) {
    return refuse("must be linear with 16 bits, or G.711 (A-law, µ-law)");
  }
  if (info.samplerate != kRate || info.channels != 1) {
    return refuse(fmt::format("has {} Hz and {} channels, must have {} and 1", info.samplerate,
                              info.channels, kRate));
  }
  if (info.frames <= 0) return refuse("is empty");
  if (info.frames > static_cast<sf_count_t>(wire::SoundBank::kSamples)) {
    return refuse(fmt::format("is too long: {} s", info.frames / kRate));
  }
  std::vector<std::int16_t> samples(static_cast<std::size_t>(info.frames));
  const sf_count_t got = sf_readf_short(file.get(), samples.data(), info.frames);
  if (got != info.frames) return refuse("ends before its end");
  return samples;
}

}  // namespace tandem::media
