// Fuzzes the reading and rewriting of session descriptions. What holds for every input:
// - all that is read lies in the text, and there are no more sections than the limit;
// - what was rewritten can be read again, with as many sections, of the same types and formats;
// - each section has our address and port, or port 0, or stays on hold: never the peer's;
// - rewriting once more with the same ends changes nothing.
#include <string>
#include <vector>

#include "controlplane/sdp/origin.h"
#include "controlplane/sdp/sdp.h"
#include "tests/fuzz/must.h"

namespace tandem::fuzz {
namespace {

const base::IpAddress kHeld = base::IpAddress::ip4(0, 0, 0, 0);

// A section more or less than the description may have, of both families, at the ports' edges.
const std::vector<sdp::LocalMedia>& ends() {
  static const auto made = [] {
    std::vector<sdp::LocalMedia> out;
    for (const char* end :
         {"203.0.113.9:20000", "[2001:db8::9]:65535", "203.0.113.9:1", "203.0.113.10:2",
          "203.0.113.9:20004", "[2001:db8::9]:20006", "203.0.113.9:20008"}) {
      out.push_back({*base::Endpoint::parse(end, 0)});
    }
    out[2].rtp.port = 0;  // no end of ours
    return out;
  }();
  return made;
}

void check_rewritten(const sdp::Description& theirs, const sdp::Description& ours) {
  MUST(ours.media.size() == theirs.media.size());
  for (std::size_t i = 0; i < ours.media.size(); ++i) {
    const auto& before = theirs.media[i];
    const auto& after = ours.media[i];
    MUST(after.type == before.type && after.protocol == before.protocol);
    MUST(after.formats == before.formats && after.direction == before.direction);
    MUST(after.codec == before.codec && !after.rtcp_mux);
    const bool open = before.port != 0 && i < ends().size() && ends()[i].rtp.port != 0;
    MUST(after.port == (open ? ends()[i].rtp.port : 0));
    if (!open) continue;
    MUST(after.rtp.address == (before.rtp.address == kHeld ? kHeld : ends()[i].rtp.address));
  }
}

void one_input(std::string_view input) {
  const Exactly bytes(input);
  const auto read = sdp::parse(bytes.view());
  if (!read) {
    MUST(!read.error_text().empty());
    return;
  }
  MUST(read->media.size() <= sdp::Description::kMediaMax);
  for (const auto& media : read->media) {
    MUST(bytes.holds(media.type) && bytes.holds(media.protocol) && bytes.holds(media.formats));
  }
  const std::string once = sdp::rewrite(*read, ends());
  const Exactly copy(once);
  const auto again = sdp::parse(copy.view());
  MUST(again.ok());
  check_rewritten(*read, *again);
  MUST(sdp::rewrite(*again, ends()) == once);
  // Another origin and no direction leave the rest what it was.
  const Exactly moved(sdp::with_origin(once, {"tandem", "1", 2}));
  const bool has_origin = ("\n" + once).find("\no=") != std::string::npos;
  MUST(sdp::origin_of(moved.view()).version == (has_origin ? 2u : 0u));
  const Exactly both_ways(sdp::resumed(moved.view()));
  const auto other = sdp::parse(both_ways.view());
  MUST(other.ok() && other->media.size() == again->media.size());
  for (const auto& media : other->media) MUST(media.direction == sdp::Direction::kSendRecv);
}

}  // namespace
}  // namespace tandem::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  tandem::fuzz::one_input(tandem::fuzz::text_of(data, size));
  return 0;
}
