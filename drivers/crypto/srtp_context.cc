#include "drivers/crypto/srtp_context.h"

#include <algorithm>

#include "drivers/base/check.h"

namespace tandem::crypto {
namespace {

SrtpVerdict look(std::uint64_t window, std::uint64_t highest, std::uint64_t index) {
  if (window == 0 || index > highest) return SrtpVerdict::kOk;
  const std::uint64_t behind = highest - index;
  if (behind >= SrtpContext::kWindow) return SrtpVerdict::kTooOld;
  return (window >> behind & 1) != 0 ? SrtpVerdict::kReplayed : SrtpVerdict::kOk;
}

template <typename Index>
void note(std::uint64_t& window, Index& highest, Index index) {
  if (window == 0) {
    window = 1;
    highest = index;
  } else if (index > highest) {
    const std::uint64_t ahead = index - highest;
    window = ahead < SrtpContext::kWindow ? window << ahead | 1 : 1;
    highest = index;
  } else {
    window |= std::uint64_t{1} << (highest - index);
  }
}

}  // namespace

void SrtpContext::start(const IpsecMb& crypto, const SrtpMaster& master, SrtpDirection direction) {
  SrtpSessionKeys rtp;
  SrtpSessionKeys rtcp;
  derive_srtp_keys(crypto, master, rtp, rtcp);
  start(crypto, master.suite, rtp, rtcp, direction);
}

void SrtpContext::start(const IpsecMb& crypto, SrtpSuite suite, const SrtpSessionKeys& rtp,
                        const SrtpSessionKeys& rtcp, SrtpDirection direction) {
  stop();
  prepare_srtp_key(crypto, suite, rtp, rtcp, key_);
  suite_ = suite;
  direction_ = direction;
}

void SrtpContext::rekey(const IpsecMb& crypto, const SrtpMaster& master) {
  CHECK(suite_ != SrtpSuite::kNone);
  make_srtp_key(crypto, master, key_);
  suite_ = master.suite;
  rtp_packets_ = 0;
  rtcp_packets_ = 0;
  // Under the new key nothing of theirs can be repeated; those who come back begin anew.
  retired_count_ = 0;
}

void SrtpContext::stop() {
  wipe(&key_, sizeof key_);
  suite_ = SrtpSuite::kNone;
  rtp_packets_ = 0;
  rtcp_packets_ = 0;
  live_count_ = 0;
  retired_count_ = 0;
}

std::size_t SrtpContext::positions(std::span<SrtpPosition> out) const {
  CHECK(out.size() >= kLive + kRetired);
  std::size_t count = 0;
  const auto add = [&](const Live& one) {
    SrtpPosition& position = out[count++];
    position = {one.ssrc, {}, {}};
    if (one.window != 0) position.rtp = one.index;
    if (one.rtcp_window != 0) position.rtcp = one.rtcp_index;
  };
  for (std::size_t i = 0; i < live_count_; ++i) add(live_[i]);
  for (std::size_t i = retired_count_; i > 0; --i) add(revived(retired_[i - 1]));
  return count;
}

bool SrtpContext::restore(const SrtpPosition& position, std::uint32_t rtp_skip,
                          std::uint32_t rtcp_skip) {
  CHECK(suite_ != SrtpSuite::kNone && !find(position.ssrc));
  Live one{};
  one.ssrc = position.ssrc;
  if (position.rtp) {
    one.index = *position.rtp + rtp_skip;
    one.window = ~std::uint64_t{0};
    if (one.index >= kSrtpLifetime) return false;
  }
  if (position.rtcp) {
    const std::uint64_t index = std::uint64_t{*position.rtcp} + rtcp_skip;
    if (index >= kSrtcpLifetime) return false;
    one.rtcp_index = static_cast<std::uint32_t>(index);
    one.rtcp_window = ~std::uint64_t{0};
  }
  if (live_count_ < kLive) {
    live_[live_count_++] = one;
  } else if (retired_count_ < kRetired) {
    // They come used last first, and the eldest stands first.
    std::copy_backward(retired_.begin(), retired_.begin() + retired_count_,
                       retired_.begin() + retired_count_ + 1);
    ++retired_count_;
    retired_[0] = {
        one.index | (one.window != 0 ? kHadRtp : 0) | (one.rtcp_window != 0 ? kHadRtcp : 0),
        one.ssrc, one.rtcp_index};
  } else {
    return false;
  }
  // No more can have passed under the key.
  if (position.rtp) rtp_packets_ = std::min(rtp_packets_ + one.index + 1, kSrtpLifetime);
  if (position.rtcp) {
    rtcp_packets_ = std::min(rtcp_packets_ + one.rtcp_index + 1, kSrtcpLifetime);
  }
  return true;
}

SrtpContext::Live SrtpContext::revived(const Retired& one) {
  const auto window = [&](std::uint64_t had) {
    return (one.index & had) != 0 ? ~std::uint64_t{0} : 0;
  };
  return {window(kHadRtp), window(kHadRtcp), one.index & ~(kHadRtp | kHadRtcp), one.ssrc,
          one.rtcp_index};
}

std::optional<SrtpContext::Live> SrtpContext::find(std::uint32_t ssrc) const {
  for (std::size_t i = 0; i < live_count_; ++i) {
    if (live_[i].ssrc == ssrc) return live_[i];
  }
  for (std::size_t i = 0; i < retired_count_; ++i) {
    if (retired_[i].ssrc == ssrc) return revived(retired_[i]);
  }
  return std::nullopt;
}

bool SrtpContext::has_room_for(std::uint32_t ssrc) const {
  return live_count_ < kLive || retired_count_ < kRetired || find(ssrc);
}

SrtpContext::Guess SrtpContext::guess_rtp(std::uint32_t ssrc, std::uint16_t sequence) const {
  if (rtp_packets_ >= kSrtpLifetime) return {0, SrtpVerdict::kKeyEnded};
  const auto known = find(ssrc);
  if (!known || known->window == 0) return {sequence, SrtpVerdict::kOk};
  const std::uint64_t index = guess_srtp_index(known->index, sequence);
  if (index >= kSrtpLifetime) return {index, SrtpVerdict::kKeyEnded};
  return {index, look(known->window, known->index, index)};
}

SrtpVerdict SrtpContext::check_rtcp(std::uint32_t ssrc, std::uint32_t index) const {
  if (rtcp_packets_ >= kSrtcpLifetime) return SrtpVerdict::kKeyEnded;
  const auto known = find(ssrc);
  return known ? look(known->rtcp_window, known->rtcp_index, index) : SrtpVerdict::kOk;
}

std::uint32_t SrtpContext::next_rtcp(std::uint32_t ssrc) const {
  if (rtcp_packets_ >= kSrtcpLifetime) return kSrtcpLifetime;
  const auto known = find(ssrc);
  return known && known->rtcp_window != 0 ? known->rtcp_index + 1 : 0;
}

void SrtpContext::note_rtp(std::uint32_t ssrc, std::uint64_t index) {
  Live& one = to_front(ssrc);
  note(one.window, one.index, index);
  ++rtp_packets_;
}

void SrtpContext::note_rtcp(std::uint32_t ssrc, std::uint32_t index) {
  Live& one = to_front(ssrc);
  note(one.rtcp_window, one.rtcp_index, index);
  ++rtcp_packets_;
}

// What `ssrc` has, in the first place; what was used longest ago makes room.
SrtpContext::Live& SrtpContext::to_front(std::uint32_t ssrc) {
  if (live_count_ != 0 && live_[0].ssrc == ssrc) [[likely]]
    return live_[0];
  for (std::size_t i = 1; i < live_count_; ++i) {
    if (live_[i].ssrc != ssrc) continue;
    std::rotate(live_.begin(), live_.begin() + i, live_.begin() + i + 1);
    return live_[0];
  }
  Live one{0, 0, 0, ssrc, 0};
  for (std::size_t i = 0; i < retired_count_; ++i) {
    if (retired_[i].ssrc != ssrc) continue;
    one = revived(retired_[i]);
    std::copy(retired_.begin() + i + 1, retired_.begin() + retired_count_, retired_.begin() + i);
    --retired_count_;
    break;
  }
  if (live_count_ == kLive) {
    retire(live_[kLive - 1]);
  } else {
    ++live_count_;
  }
  std::copy_backward(live_.begin(), live_.begin() + live_count_ - 1, live_.begin() + live_count_);
  live_[0] = one;
  return live_[0];
}

void SrtpContext::retire(const Live& one) {
  if (retired_count_ == kRetired) {
    CHECK(direction_ == SrtpDirection::kUnprotect);
    std::copy(retired_.begin() + 1, retired_.end(), retired_.begin());
    --retired_count_;
  }
  retired_[retired_count_++] = {
      one.index | (one.window != 0 ? kHadRtp : 0) | (one.rtcp_window != 0 ? kHadRtcp : 0), one.ssrc,
      one.rtcp_index};
}

}  // namespace tandem::crypto
