// A call record as the bytes of a slot (open_calls.h): numbers as they lie in memory, then texts,
// each behind its length. Written on a shard's thread several times a call: no allocation, no JSON.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "controlplane/cdr/record.h"

namespace tandem::cdr {

// One more member, or another order of them: raise OpenCalls' kLayout.
struct SlotBody {
  static constexpr std::size_t kTextBytes = 1296;

  std::int64_t start_ms;
  std::int64_t ring_ms;
  std::int64_t answer_ms;
  std::int64_t end_ms;
  std::int64_t hold_ms;
  std::int32_t sip_code;
  std::uint16_t text_bytes;
  std::uint8_t given_up;
  std::uint8_t flags;  // kFinished …
  std::byte text[kTextBytes];
  wire::FlowFigures figures[2];
  Quality quality[2];

  static constexpr std::uint8_t kFinished = 1;  // the call has ended
  static constexpr std::uint8_t kFromCaller = 2;
  static constexpr std::uint8_t kFromCallee = 4;
  static constexpr std::uint8_t kCut = 8;  // it had more, or longer, texts than there is room for
};

// A text's first 255 octets are kept; what finds no room at all is left out, given_up before the
// rest.
void encode(const CallRecord& record, bool finished, SlotBody& body);

// Of them the media figures alone; returns the flags that say which ones are there.
std::uint8_t encode_figures(const CallRecord& record, SlotBody& body);

// None: bytes that no encode() wrote.
std::optional<CallRecord> decode(const SlotBody& body);

}  // namespace tandem::cdr
