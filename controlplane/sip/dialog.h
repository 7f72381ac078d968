// A dialog (RFC 3261 §12): what two ends must remember to talk to each other, and how a request in
// it is addressed. Plain data; owner: the session that it belongs to.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "controlplane/sip/message.h"
#include "controlplane/sip/transport.h"

namespace tandem::sip {

struct Dialog {
  std::string call_id;
  std::string local_tag;
  std::string remote_tag;              // empty: not known yet (our INVITE is unanswered)
  std::string local_party;             // From of our requests, with our tag
  std::string remote_party;            // To of our requests, with the peer's tag when it has one
  std::string remote_target;           // the peer's Contact URI
  std::vector<std::string> route_set;  // name-addrs, first hop first
  std::uint32_t local_cseq = 0;
  std::uint32_t remote_cseq = 0;  // 0: no request of the peer's yet
  bool secure = false;            // the INVITE asked for sips
  Path path;  // where our requests go when target and route set name no IP address

  // UAS (§12.1.1). Fails (no value) without a usable Contact.
  static std::optional<Dialog> from_invite(const Message& invite, std::string_view local_tag,
                                           const Path& path);
  // §8.1.1.8: whether a request asks for sips, by its URI or the first of its Route's values.
  static bool asks_for_sips(std::string_view request_uri, std::string_view routes);
  // UAC (§12.1.2): takes tag, target and route set of a 1xx or 2xx to our INVITE. False: it has no
  // tag or no usable Contact where one is needed (2xx).
  bool confirm(const Message& response);

  // A re-INVITE or its 2xx may move the peer's Contact (§12.2.1.2, §12.2.2).
  void refresh_target(const Message& message);
  // For our next request. Ours begin with 1, taken by the INVITE of a dialog that we made.
  std::uint32_t next_cseq() { return ++local_cseq; }

  // Where a request in this dialog goes (§12.2.1.1, first loose route, else target).
  Path request_path() const;

  struct Request {
    Method method = Method::kBye;
    std::uint32_t cseq = 0;
    std::string_view via{};
    std::string_view contact{};             // empty: none
    std::span<const HeaderLine> headers{};  // what else this request says
    std::uint32_t max_forwards = 70;
    std::string_view passed{};  // another leg's end-to-end headers, as lines (end_to_end.h)
    std::string_view content_type{};
    std::string_view body{};
  };
  // The bytes of a request in this dialog; empty when it would be too long.
  std::string build(const Request& request) const;
};

}  // namespace tandem::sip
