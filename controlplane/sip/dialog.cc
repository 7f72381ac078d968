#include "controlplane/sip/dialog.h"

#include <algorithm>

#include "controlplane/sip/builder.h"
#include "drivers/base/text.h"

namespace tandem::sip {
namespace {

std::optional<std::string> contact_uri(const Message& message) {
  const NameAddr* contact = message.contact();
  if (contact == nullptr || contact->star) return std::nullopt;
  if (contact->uri.scheme != Scheme::kSip && contact->uri.scheme != Scheme::kSips) {
    return std::nullopt;
  }
  return std::string(contact->uri.text);
}

std::vector<std::string> record_routes(const Message& message) {
  std::vector<std::string> out;
  each_value(message, HeaderId::kRecordRoute,
             [&](std::string_view value) { out.emplace_back(value); });
  return out;
}

bool is_loose(std::string_view route) {
  const auto address = parse_name_addr(route);
  return address && find_param(address->uri.params, "lr").has_value();
}

bool is_sips(std::string_view uri) { return base::istarts_with(uri, "sips:"); }

bool is_sips_route(std::string_view route) {
  const auto address = parse_name_addr(route);
  return address && address->uri.scheme == Scheme::kSips;
}

// What a URI says to be reached by; none: it doesn't say (§19.1.1).
std::optional<Protocol> protocol_of(const Uri& uri) {
  if (uri.scheme == Scheme::kSips) return Protocol::kTls;
  const auto transport = find_param(uri.params, "transport");
  if (!transport) return std::nullopt;
  for (const Protocol protocol : {Protocol::kUdp, Protocol::kTcp, Protocol::kTls}) {
    if (base::iequals(*transport, protocol_name(protocol))) return protocol;
  }
  return std::nullopt;
}

}  // namespace

std::optional<Dialog> Dialog::from_invite(const Message& invite, std::string_view local_tag,
                                          const Path& path) {
  auto target = contact_uri(invite);
  // A client of RFC 2543 needn't say a Contact: it is reached at its From (§6.13 there).
  const bool old = !invite.top_via().branch.starts_with(kMagicCookie);
  const Uri& from = invite.from().uri;
  if (!target && old && invite.contact() == nullptr && from.scheme == Scheme::kSip) {
    target = std::string(from.text);
  }
  if (!target) return std::nullopt;
  Dialog out;
  out.call_id = invite.call_id();
  out.local_tag = local_tag;
  out.remote_tag = invite.from_tag();
  out.local_party = std::string(invite.value(HeaderId::kTo)) + ";tag=" + out.local_tag;
  out.remote_party = invite.value(HeaderId::kFrom);
  out.remote_target = *std::move(target);
  out.route_set = record_routes(invite);
  out.remote_cseq = invite.cseq().number;
  out.path = path;
  // §12.1.1: the nearest hop back counts, which is the caller itself if no proxy stays.
  const bool back =
      out.route_set.empty() ? is_sips(out.remote_target) : is_sips_route(out.route_set.front());
  out.secure = back || is_sips(invite.request_uri());
  return out;
}

bool Dialog::asks_for_sips(std::string_view request_uri, std::string_view routes) {
  return is_sips(request_uri) || is_sips_route(next_value(routes));
}

bool Dialog::confirm(const Message& response) {
  const auto tag = response.to_tag();
  if (tag.empty()) return false;
  auto target = contact_uri(response);
  if (!target && response.status() >= 200) return false;
  remote_tag = tag;
  remote_party = response.value(HeaderId::kTo);
  if (target) remote_target = *std::move(target);
  route_set = record_routes(response);
  std::reverse(route_set.begin(), route_set.end());
  return true;
}

void Dialog::refresh_target(const Message& message) {
  if (auto target = contact_uri(message)) remote_target = *std::move(target);
}

Path Dialog::request_path() const {
  std::string_view next = remote_target;
  if (!route_set.empty()) {
    const auto route = parse_name_addr(route_set.front());
    next = route ? route->uri.text : std::string_view{};
  }
  const auto uri = parse_uri(next);
  Path out = path;
  if (!uri || path.observed) return out;
  if (const auto protocol = protocol_of(*uri)) out.protocol = *protocol;
  if (const auto address = base::IpAddress::parse(uri->host)) {
    out.remote.address = *address;
    out.remote.port = uri->port != 0 ? uri->port : default_port(out.protocol);
  }
  // The connection that the dialog came by leads to the peer itself, whatever it calls itself
  // (RFC 5626), but not to another proxy on the way.
  const bool elsewhere = !route_set.empty() && out.remote.address != path.remote.address;
  if (out.protocol != path.protocol || elsewhere) out.flow = 0;
  return out;
}

std::string Dialog::build(const Request& request) const {
  Builder out(message_scratch());
  std::string_view target = remote_target;
  std::vector<std::string> routes = route_set;
  if (!routes.empty() && !is_loose(routes.front())) {
    // A strict router (RFC 2543): it is the Request-URI, and the target ends the route.
    routes.push_back("<" + remote_target + ">");
    const auto first = parse_name_addr(route_set.front());
    if (first) target = first->uri.text;
    routes.erase(routes.begin());
  }
  out.request(method_name(request.method), target).header(HeaderId::kVia, request.via);
  for (const auto& route : routes) out.header(HeaderId::kRoute, route);
  out.header(HeaderId::kMaxForwards, request.max_forwards)
      .header(HeaderId::kFrom, local_party)
      .header(HeaderId::kTo, remote_party)
      .header(HeaderId::kCallId, call_id)
      .pieces(HeaderId::kCSeq, std::uint64_t{request.cseq}, ' ', method_name(request.method));
  if (!request.contact.empty()) out.header(HeaderId::kContact, request.contact);
  for (const HeaderLine& line : request.headers) out.header(line.id, line.value);
  out.written(request.passed);
  const auto text = out.finish(request.content_type, request.body);
  return text ? std::string(*text) : std::string();
}

}  // namespace tandem::sip
