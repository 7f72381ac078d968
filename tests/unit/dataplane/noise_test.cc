#include "dataplane/noise.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <random>
#include <vector>

namespace tandem::dataplane {
namespace {

constexpr double kRate = 8000;
constexpr double kPi = 3.14159265358979;

// ITU-T G.711, from a sample of 16 bits.
std::byte mu_law(double value) {
  const int sample = static_cast<int>(std::clamp(value, -32635.0, 32635.0));
  const int size = std::abs(sample) + 132;
  int chord = 7;
  while (chord > 0 && size < (128 << chord)) --chord;
  const int octet = (sample < 0 ? 0x80 : 0) | chord << 4 | ((size >> (chord + 3)) & 15);
  return static_cast<std::byte>(~octet);
}

std::byte a_law(double value) {
  const int sample = static_cast<int>(std::clamp(value, -32767.0, 32767.0));
  const int size = std::abs(sample);
  int chord = 7;
  while (chord > 0 && size < (128 << chord)) --chord;
  const int step = chord == 0 ? size >> 4 : size >> (chord + 3);
  return static_cast<std::byte>(((sample < 0 ? 0 : 0x80) | chord << 4 | (step & 15)) ^ 0x55);
}

using Sound = std::function<double(double second)>;

// Of so many packets of 20 ms, in either law: those taken for noise.
int taken_for_noise(const Sound& sound, int packets = 1500) {
  int out = 0;
  for (const auto law : {mu_law, a_law}) {
    for (int packet = 0; packet < packets; ++packet) {
      std::vector<std::byte> octets(160);
      for (std::size_t i = 0; i < octets.size(); ++i) {
        octets[i] = law(sound((packet * 160.0 + static_cast<double>(i)) / kRate));
      }
      out += is_noise(octets);
    }
  }
  return out;
}

Sound tone(double hertz, double size) {
  return [=](double t) { return size * std::sin(2 * kPi * hertz * t); };
}

std::vector<std::byte> drawn_by_lot(std::mt19937& random, std::size_t octets) {
  std::vector<std::byte> out(octets);
  for (auto& each : out) each = static_cast<std::byte>(random());
  return out;
}

TEST(Noise, WhatAWrongKeyLeavesIs) {
  std::mt19937 random(1);
  int seen = 0;
  for (int i = 0; i < 10000; ++i) seen += is_noise(drawn_by_lot(random, 160));
  EXPECT_GT(seen, 9970);
  for (const std::size_t octets : {80u, 240u, 320u, 480u, 1400u}) {
    seen = 0;
    for (int i = 0; i < 1000; ++i) seen += is_noise(drawn_by_lot(random, octets));
    EXPECT_GT(seen, 980) << octets;
  }
}

TEST(Noise, TooFewOctetsTellNothing) {
  std::mt19937 random(2);
  for (std::size_t octets = 0; octets < 80; ++octets) {
    EXPECT_FALSE(is_noise(drawn_by_lot(random, octets))) << octets;
  }
}

TEST(Noise, SilenceIsNot) {
  EXPECT_FALSE(is_noise(std::vector(160, std::byte{0xff})));
  EXPECT_FALSE(is_noise(std::vector(160, std::byte{0xd5})));
  EXPECT_FALSE(is_noise(std::vector(160, std::byte{0})));
}

// Hiss of a line or a comfort noise generator, from the faintest to one that clips.
TEST(Noise, HissOfAnyLoudnessIsNot) {
  std::mt19937 random(3);
  for (double size = 1; size < 40000; size *= 1.5) {
    std::normal_distribution<double> normal(0, size);
    EXPECT_EQ(taken_for_noise([&](double) { return normal(random); }, 300), 0) << size;
    std::uniform_real_distribution<double> flat(-size, size);
    EXPECT_EQ(taken_for_noise([&](double) { return flat(random); }, 300), 0) << size;
  }
}

TEST(Noise, TonesAreNot) {
  for (double size = 10; size < 40000; size *= 2) {
    for (const double hertz : {25.0, 200.0, 425.0, 1004.0, 1633.0, 2100.0, 2713.0, 3400.0}) {
      EXPECT_EQ(taken_for_noise(tone(hertz, size), 100), 0) << hertz << " Hz at " << size;
    }
    const auto low = tone(941, size);
    const auto high = tone(1633, size);
    EXPECT_EQ(taken_for_noise([&](double t) { return low(t) + high(t); }, 100), 0) << "DTMF";
  }
}

// A vowel is pulses of a glottis through formants, a fricative is noise; both swell and fade with
// the syllables, from silence to as loud as it gets within a packet or two.
TEST(Noise, SpeechLikeSoundIsNot) {
  std::mt19937 random(5);
  std::normal_distribution<double> normal(0, 1);
  for (const double loudest : {300.0, 3000.0, 30000.0, 90000.0}) {
    for (const double pitch : {90.0, 140.0, 260.0}) {
      const auto voice = [&](double t) {
        const double syllable = std::pow(std::sin(kPi * 4 * t), 4);
        const double phase = std::fmod(t * pitch, 1.0) / pitch;
        const double ringing = std::exp(-300 * phase) * std::sin(2 * kPi * 600 * phase) +
                               0.5 * std::exp(-400 * phase) * std::sin(2 * kPi * 1700 * phase) +
                               0.2 * std::exp(-500 * phase) * std::sin(2 * kPi * 2600 * phase);
        const bool hisses = std::fmod(t * 4, 3.0) < 1;
        const double sound = hisses ? 0.1 * normal(random) : ringing;
        return loudest * syllable * sound + 3 * normal(random);
      };
      EXPECT_EQ(taken_for_noise(voice), 0) << pitch << " Hz at " << loudest;
    }
  }
}

// A key that changes only some bits of each octet leaves more of the voice than of noise.
TEST(Noise, SaysNothingOfAShortKeyOfLetters) {
  std::vector<std::byte> octets(160, std::byte{0xd5});
  constexpr std::string_view kDifference = "\x03\x1f\x08\x11";
  for (std::size_t i = 0; i < octets.size(); ++i) {
    octets[i] ^= static_cast<std::byte>(kDifference[i % kDifference.size()]);
  }
  EXPECT_FALSE(is_noise(octets));
}

}  // namespace
}  // namespace tandem::dataplane
