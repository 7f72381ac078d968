#include "controlplane/cdr/slot_code.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <string>
#include <string_view>

namespace tandem::cdr {
namespace {

constexpr std::size_t kTextMax = 255;

template <std::size_t kSize>
void copy_ends(std::byte* to, const char* from, std::size_t size) {
  std::array<char, kSize> head, tail;  // both read before either is written; they may overlap
  std::memcpy(head.data(), from, kSize);
  std::memcpy(tail.data(), from + size - kSize, kSize);
  std::memcpy(to, head.data(), kSize);
  std::memcpy(to + size - kSize, tail.data(), kSize);
}

// Most texts are shorter than what memcpy, called for a size that it doesn't know, is good at.
void copy_text(std::byte* to, const char* from, std::size_t size) {
  if (size > 32)
    std::memcpy(to, from, size);
  else if (size >= 16)
    copy_ends<16>(to, from, size);
  else if (size >= 8)
    copy_ends<8>(to, from, size);
  else if (size >= 4)
    copy_ends<4>(to, from, size);
  else
    for (std::size_t i = 0; i < size; ++i) to[i] = static_cast<std::byte>(from[i]);
}

class TextsOut {
 public:
  explicit TextsOut(std::byte* at) : at_(at) {}

  // `behind`: so many octets must be left for those that follow.
  void add(std::string_view text, std::size_t behind = 0) {
    const std::size_t most = std::min(kTextMax, left_ - behind - 1);
    const std::size_t size = std::min(text.size(), most);
    if (size < text.size()) cut_ = true;
    *at_ = static_cast<std::byte>(size);
    copy_text(at_ + 1, text.data(), size);
    at_ += size + 1;
    left_ -= size + 1;
  }
  std::size_t left() const { return left_; }
  std::size_t written() const { return SlotBody::kTextBytes - left_; }
  bool cut() const { return cut_; }

 private:
  std::byte* at_;
  std::size_t left_ = SlotBody::kTextBytes;
  bool cut_ = false;
};

class TextsIn {
 public:
  explicit TextsIn(std::span<const std::byte> bytes) : rest_(bytes) {}

  std::string take() {
    if (rest_.empty()) return fail();
    const auto size = std::to_integer<std::size_t>(rest_[0]);
    if (size >= rest_.size()) return fail();
    std::string out(reinterpret_cast<const char*>(rest_.data()) + 1, size);
    rest_ = rest_.subspan(size + 1);
    return out;
  }
  bool whole() const { return !failed_ && rest_.empty(); }

 private:
  std::string fail() {
    failed_ = true;
    return {};
  }

  std::span<const std::byte> rest_;
  bool failed_ = false;
};

// Of one that was given up: four texts, its code as one of them.
constexpr std::size_t kGivenUpLeast = 5;

void add(TextsOut& out, const GivenUp& one) {
  const auto code = static_cast<std::uint16_t>(one.sip_code);
  out.add(one.routing_gateway);
  out.add(one.callee_account);
  out.add(one.callee_sent);
  out.add(one.callee_call_id);
  out.add({reinterpret_cast<const char*>(&code), sizeof code});
}

GivenUp take_given_up(TextsIn& in) {
  GivenUp one;
  one.routing_gateway = in.take();
  one.callee_account = in.take();
  one.callee_sent = in.take();
  one.callee_call_id = in.take();
  const std::string code = in.take();
  std::uint16_t number = 0;
  std::memcpy(&number, code.data(), std::min(code.size(), sizeof number));
  one.sip_code = number;
  return one;
}

std::size_t bytes_of(const GivenUp& one) {
  return kGivenUpLeast + sizeof(std::uint16_t) + std::min(one.routing_gateway.size(), kTextMax) +
         std::min(one.callee_account.size(), kTextMax) +
         std::min(one.callee_sent.size(), kTextMax) + std::min(one.callee_call_id.size(), kTextMax);
}

}  // namespace

std::uint8_t encode_figures(const CallRecord& record, SlotBody& body) {
  std::uint8_t flags = 0;
  if (record.from_caller) {
    flags |= SlotBody::kFromCaller;
    body.figures[0] = *record.from_caller;
    body.quality[0] = record.quality_from_caller;
  }
  if (record.from_callee) {
    flags |= SlotBody::kFromCallee;
    body.figures[1] = *record.from_callee;
    body.quality[1] = record.quality_from_callee;
  }
  return flags;
}

void encode(const CallRecord& record, bool finished, SlotBody& body) {
  // All members by name: whoever adds one is told here to keep it, too.
  const auto& [call, caller, callee, callee_sent, caller_account, callee_account, mapping_gateway,
               routing_gateway, given_up, transferred_to, transferred_from, caller_call_id,
               callee_call_id, start_ms, ring_ms, answer_ms, end_ms, hold_ms, end_reason,
               end_direction, sip_code, media_mode, media_rule, codec, from_caller, from_callee,
               quality_from_caller, quality_from_callee] = record;
  body.start_ms = start_ms;
  body.ring_ms = ring_ms;
  body.answer_ms = answer_ms;
  body.end_ms = end_ms;
  body.hold_ms = hold_ms;
  body.sip_code = sip_code;
  std::uint8_t flags = finished ? SlotBody::kFinished : 0;
  if (from_caller || from_callee) flags |= encode_figures(record, body);
  TextsOut out(body.text);
  std::size_t behind = 17;
  for (const std::string* text :
       {&call, &end_reason, &end_direction, &media_mode, &codec, &caller, &callee, &mapping_gateway,
        &routing_gateway, &callee_sent, &caller_account, &callee_account, &transferred_to,
        &transferred_from, &caller_call_id, &callee_call_id, &media_rule}) {
    out.add(*text, --behind);  // a length at least
  }
  std::uint8_t tried = 0;
  bool left_out = false;
  for (const GivenUp& one : given_up) {
    left_out = tried == 255 || bytes_of(one) > out.left();
    if (left_out) break;
    add(out, one);
    ++tried;
  }
  body.given_up = tried;
  body.text_bytes = static_cast<std::uint16_t>(out.written());
  if (out.cut() || left_out) flags |= SlotBody::kCut;
  body.flags = flags;
}

std::optional<CallRecord> decode(const SlotBody& body) {
  constexpr std::uint8_t kFlags =
      SlotBody::kFinished | SlotBody::kFromCaller | SlotBody::kFromCallee | SlotBody::kCut;
  if (body.text_bytes > SlotBody::kTextBytes || (body.flags & ~kFlags) != 0) return std::nullopt;
  CallRecord record;
  record.start_ms = body.start_ms;
  record.ring_ms = body.ring_ms;
  record.answer_ms = body.answer_ms;
  record.end_ms = body.end_ms;
  record.hold_ms = body.hold_ms;
  record.sip_code = body.sip_code;
  if ((body.flags & SlotBody::kFromCaller) != 0) {
    record.from_caller = body.figures[0];
    record.quality_from_caller = body.quality[0];
  }
  if ((body.flags & SlotBody::kFromCallee) != 0) {
    record.from_callee = body.figures[1];
    record.quality_from_callee = body.quality[1];
  }
  TextsIn in({body.text, body.text_bytes});
  for (std::string* text :
       {&record.call, &record.end_reason, &record.end_direction, &record.media_mode, &record.codec,
        &record.caller, &record.callee, &record.mapping_gateway, &record.routing_gateway,
        &record.callee_sent, &record.caller_account, &record.callee_account, &record.transferred_to,
        &record.transferred_from, &record.caller_call_id, &record.callee_call_id,
        &record.media_rule}) {
    *text = in.take();
  }
  for (std::uint8_t i = 0; i < body.given_up; ++i) record.given_up.push_back(take_given_up(in));
  if (!in.whole()) return std::nullopt;
  return record;
}

}  // namespace tandem::cdr
