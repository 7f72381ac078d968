// Tones by country, G.711, and the operator's files.
#include "controlplane/media/sounds.h"

#include <gtest/gtest.h>
#include <sndfile.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <memory>

#include "controlplane/media/g711.h"
#include "controlplane/media/sound_file.h"
#include "tests/unit/drivers/base/temp_folder.h"

namespace tandem::media {
namespace {

// ITU-T G.711 table 2a and 1a, decoded: what an octet means, of 16 bits.
int pcmu_value(std::uint8_t octet) {
  octet = static_cast<std::uint8_t>(~octet);
  const int size = (((octet & 15) << 3) + 0x84) << (octet >> 4 & 7);
  return (octet & 0x80) != 0 ? 0x84 - size : size - 0x84;
}
int pcma_value(std::uint8_t octet) {
  octet ^= 0x55;
  const int segment = octet >> 4 & 7;
  int size = ((octet & 15) << 4) + (segment == 0 ? 8 : 0x108);
  if (segment > 1) size <<= segment - 1;
  return (octet & 0x80) != 0 ? size : -size;
}

TEST(G711Test, EveryOctetComesBackFromWhatItMeans) {
  for (int octet = 0; octet < 256; ++octet) {
    const auto each = static_cast<std::uint8_t>(octet);
    EXPECT_EQ(pcma_of(static_cast<std::int16_t>(pcma_value(each))), each) << octet;
    // µ-law has two zeros.
    const auto back = pcmu_of(static_cast<std::int16_t>(pcmu_value(each)));
    EXPECT_EQ(pcmu_value(back), pcmu_value(each)) << octet;
  }
  EXPECT_EQ(pcmu_of(0), 0xff);
  EXPECT_EQ(pcma_of(0), 0xd5);
}

TEST(G711Test, EverySampleIsCloseToItsOctet) {
  for (int sample = -32768; sample <= 32767; ++sample) {
    const auto each = static_cast<std::int16_t>(sample);
    const int bound = std::max(std::abs(sample) / 16, 16);
    ASSERT_LE(std::abs(pcma_value(pcma_of(each)) - sample), bound) << sample;
    if (std::abs(sample) < 32124) {
      ASSERT_LE(std::abs(pcmu_value(pcmu_of(each)) - sample), bound) << sample;
    }
  }
}

TEST(TonesTest, EachIsAWholePeriodOfTheRightPower) {
  for (std::size_t i = 0; i < ring_countries(); ++i) {
    const Tone& tone = ringback_of(static_cast<RingCountry>(i));
    const auto samples = samples_of(tone);
    EXPECT_LE(samples.size(), 8000u) << tone.country;
    for (const std::uint16_t hz : tone.hz) {
      EXPECT_EQ(hz * samples.size() % 8000, 0u) << tone.country;
    }
    double power = 0;
    for (const double sample : samples) power += sample * sample;
    const double level =
        10 * std::log10(power / static_cast<double>(samples.size()) / (32767.0 * 32767.0 / 2)) +
        3.14;
    EXPECT_NEAR(level, -13.0, 0.1) << tone.country;
    EXPECT_NE(tone.cadence_ms[0], 0) << tone.country;
  }
  EXPECT_EQ(samples_of(ringback_of(RingCountry::de)).size(), 320u);
}

class SoundsTest : public ::testing::Test {
 protected:
  SoundsTest() { std::filesystem::create_directory(home_); }

  std::string write(const std::string& name, int format, int rate, int channels,
                    const std::vector<std::int16_t>& samples) {
    const std::string path = home_ + "/" + name + ".wav";
    SF_INFO info{};
    info.format = format;
    info.samplerate = rate;
    info.channels = channels;
    SNDFILE* file = sf_open(path.c_str(), SFM_WRITE, &info);
    EXPECT_NE(file, nullptr);
    sf_write_short(file, samples.data(), static_cast<sf_count_t>(samples.size()));
    sf_close(file);
    return path;
  }

  test::TempFolder folder_;
  const std::string home_ = folder_.path("sounds");
  std::unique_ptr<wire::SoundBank> bank_ = std::make_unique<wire::SoundBank>();
};

constexpr int kWav = SF_FORMAT_WAV;

TEST_F(SoundsTest, FilesAreReadAsTheyAre) {
  const std::vector<std::int16_t> ramp{0, 1000, -1000, 32767, -32768};
  EXPECT_EQ(read_sound(write("a", kWav | SF_FORMAT_PCM_16, 8000, 1, ramp)).value(), ramp);
  const auto law = read_sound(write("b", kWav | SF_FORMAT_ALAW, 8000, 1, ramp)).value();
  for (std::size_t i = 0; i < ramp.size(); ++i) EXPECT_EQ(pcma_of(law[i]), pcma_of(ramp[i]));
  const auto mu = read_sound(write("c", kWav | SF_FORMAT_ULAW, 8000, 1, ramp)).value();
  for (std::size_t i = 0; i < ramp.size(); ++i) EXPECT_EQ(pcmu_of(mu[i]), pcmu_of(ramp[i]));
}

TEST_F(SoundsTest, FaultsNameFileAndReason) {
  const auto fault = [](const std::string& path) { return read_sound(path).error_text(); };
  const auto wide = write("wide", kWav | SF_FORMAT_PCM_16, 16000, 1, {1, 2});
  EXPECT_EQ(fault(wide), wide + ": has 16000 Hz and 1 channels, must have 8000 and 1");
  const auto both = write("both", kWav | SF_FORMAT_PCM_16, 8000, 2, {1, 2});
  EXPECT_EQ(fault(both), both + ": has 8000 Hz and 2 channels, must have 8000 and 1");
  const auto deep = write("deep", kWav | SF_FORMAT_PCM_24, 8000, 1, {1, 2});
  EXPECT_EQ(fault(deep), deep + ": must be linear with 16 bits, or G.711 (A-law, µ-law)");
  const auto nothing = write("nothing", kWav | SF_FORMAT_PCM_16, 8000, 1, {});
  EXPECT_EQ(fault(nothing), nothing + ": is empty");
  const auto flac = write("flac", SF_FORMAT_FLAC | SF_FORMAT_PCM_16, 8000, 1, {1, 2});
  EXPECT_EQ(fault(flac), flac + ": is no WAV file");
  const auto text = home_ + "/text.wav";
  std::ofstream(text) << "hello";
  EXPECT_TRUE(fault(text).starts_with(text + ": ")) << fault(text);
  const auto several = Sounds::read(home_, {"wide", "nothing"});
  EXPECT_EQ(several.error_text(), fault(wide) + "\n" + fault(nothing));
}

TEST_F(SoundsTest, TheBankHasTonesAndAnnouncements) {
  write("word", kWav | SF_FORMAT_PCM_16, 8000, 1, std::vector<std::int16_t>(12'000, 500));
  Sounds sounds = Sounds::read(home_, {"word"}).value();
  ASSERT_TRUE(sounds.fill(*bank_));
  const auto word = sounds.find("word");
  ASSERT_TRUE(word);
  EXPECT_EQ(word->length, base::Millis{1500});
  EXPECT_EQ(bank_->find(word->number).samples, 12'000u);
  EXPECT_EQ(bank_->find(word->number).pcma[7], pcma_of(500));
  EXPECT_EQ(bank_->find(word->number).pcmu[7], pcmu_of(500));
  EXPECT_FALSE(sounds.find("other"));
  const auto gb = sounds.ringback(RingCountry::gb);
  EXPECT_EQ(gb.cadence, (std::array<std::uint16_t, 6>{20, 10, 20, 100, 0, 0}));
  EXPECT_EQ(bank_->find(gb.number).samples, 160u);
  const auto de = sounds.ringback(RingCountry::de);
  EXPECT_EQ(de.cadence, (std::array<std::uint16_t, 6>{50, 200, 0, 0, 0, 0}));
  EXPECT_EQ(de.number, sounds.ringback(RingCountry::it).number) << "one tone, kept once";
  EXPECT_NE(de.number, gb.number);
}

TEST_F(SoundsTest, TooMuchForTheBankIsRefused) {
  const std::vector<std::int16_t> much(wire::SoundBank::kSamples, 1);
  write("much", kWav | SF_FORMAT_PCM_16, 8000, 1, much);
  Sounds sounds = Sounds::read(home_, {"much"}).value();
  EXPECT_FALSE(sounds.fill(*bank_));
}

}  // namespace
}  // namespace tandem::media
