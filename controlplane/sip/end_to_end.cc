#include "controlplane/sip/end_to_end.h"

#include <algorithm>

#include "drivers/base/text.h"

namespace tandem::sip {
namespace {

enum class Owner : std::uint8_t {
  kLeg,
  kParties,
  // Of the parties in requests that are theirs alone (INFO, SUBSCRIBE, REFER …); in what makes,
  // keeps and ends the call it is said by each leg for itself.
  kRequest,
};

Owner owner_of(HeaderId id) {
  switch (id) {
    // Hops and the dialog.
    case HeaderId::kVia:
    case HeaderId::kRoute:
    case HeaderId::kRecordRoute:
    case HeaderId::kPath:
    case HeaderId::kMaxForwards:
    case HeaderId::kMaxBreadth:
    case HeaderId::kTimestamp:
    case HeaderId::kFrom:
    case HeaderId::kTo:
    case HeaderId::kCallId:
    case HeaderId::kCSeq:
    case HeaderId::kContact:
    case HeaderId::kReplaces:
    case HeaderId::kJoin:
    case HeaderId::kTargetDialog:
    // Written with the body.
    case HeaderId::kContentType:
    case HeaderId::kContentLength:
    // What a user agent is and can do; the switch is the user agent of both legs.
    case HeaderId::kAllow:
    case HeaderId::kSupported:
    case HeaderId::kUnsupported:
    case HeaderId::kRequire:
    case HeaderId::kProxyRequire:
    case HeaderId::kUserAgent:
    case HeaderId::kServer:
    case HeaderId::kSessionExpires:
    case HeaderId::kMinSe:
    case HeaderId::kRSeq:
    case HeaderId::kRAck:
    // Secrets between neighbours.
    case HeaderId::kAuthorization:
    case HeaderId::kProxyAuthorization:
    case HeaderId::kWwwAuthenticate:
    case HeaderId::kProxyAuthenticate:
    case HeaderId::kSecurityClient:
    case HeaderId::kSecurityServer:
    case HeaderId::kSecurityVerify:
    // Who is calling is for each gateway's trust to decide (RFC 3325), not for a copy.
    case HeaderId::kPrivacy:
    case HeaderId::kPAssertedIdentity:
    case HeaderId::kPPreferredIdentity:
    case HeaderId::kRemotePartyId:
      return Owner::kLeg;
    case HeaderId::kContentEncoding:
    case HeaderId::kAcceptEncoding:
    case HeaderId::kEvent:
    case HeaderId::kAllowEvents:
    case HeaderId::kSubscriptionState:
    case HeaderId::kReferTo:
    case HeaderId::kReferSub:
    case HeaderId::kMinExpires:
      return Owner::kRequest;
    default:
      return Owner::kParties;
  }
}

// The call itself is carried by each leg for itself; other requests are carried whole.
bool is_of_the_call(Method method) {
  switch (method) {
    case Method::kInvite:
    case Method::kAck:
    case Method::kBye:
    case Method::kCancel:
    case Method::kPrack:
    case Method::kUpdate:
      return true;
    default:
      return false;
  }
}

}  // namespace

bool passes_through(HeaderId id, Method method) {
  const Owner owner = owner_of(id);
  return owner == Owner::kParties || (owner == Owner::kRequest && !is_of_the_call(method));
}

std::string passing_headers(const Message& message, std::span<const std::string_view> but) {
  std::string out;
  for (const Header& line : message.headers()) {
    const bool kept_back = std::any_of(but.begin(), but.end(), [&](std::string_view name) {
      return base::iequals(name, line.name);
    });
    if (kept_back || !passes_through(line.id, message.cseq().method)) continue;
    out.append(line.name).append(": ").append(line.value).append("\r\n");
  }
  return out;
}

bool refusal_passes(int status) {
  switch (status) {
    case 400:
    case 401:
    case 405:
    case 406:
    case 407:
    case 413:
    case 414:
    case 415:
    case 416:
    case 420:
    case 421:
    case 422:
    case 423:
    case 482:
    case 493:
    case 494:
    case 502:
    case 503:
    case 505:
    case 513:
      return false;
    default:
      return status >= 400;
  }
}

}  // namespace tandem::sip
