#include "controlplane/sip/dialog.h"

#include <algorithm>

#include "controlplane/sip/builder.h"

namespace tandem::sip {
namespace {

std::optional<std::string> contact_uri(const Message& message) {
  std::string_view values = message.value(HeaderId::kContact);
  if (values.empty()) return std::nullopt;
  const auto contact = parse_name_addr(next_value(values));
  if (!contact || contact->star) return std::nullopt;
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

// The endpoint that a URI names by an IP address.
std::optional<base::Endpoint> endpoint_of(std::string_view uri_text) {
  const auto uri = parse_uri(uri_text);
  if (!uri) return std::nullopt;
  const auto address = base::IpAddress::parse(uri->host);
  if (!address) return std::nullopt;
  base::Endpoint out;
  out.address = *address;
  out.port = uri->port != 0 ? uri->port : 5060;
  return out;
}

}  // namespace

std::optional<Dialog> Dialog::from_invite(const Message& invite, std::string_view local_tag,
                                          const Path& path) {
  auto target = contact_uri(invite);
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
  return out;
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
  std::optional<base::Endpoint> next;
  if (!route_set.empty()) {
    if (const auto route = parse_name_addr(route_set.front())) next = endpoint_of(route->uri.text);
  } else {
    next = endpoint_of(remote_target);
  }
  return {path.local, next.value_or(path.remote)};
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
  out.header(HeaderId::kMaxForwards, 70)
      .header(HeaderId::kFrom, local_party)
      .header(HeaderId::kTo, remote_party)
      .header(HeaderId::kCallId, call_id)
      .pieces(HeaderId::kCSeq, std::uint64_t{request.cseq}, ' ', method_name(request.method));
  if (!request.contact.empty()) out.header(HeaderId::kContact, request.contact);
  if (!request.reason.empty()) out.header(HeaderId::kReason, request.reason);
  const auto text = out.finish(request.content_type, request.body);
  return text ? std::string(*text) : std::string();
}

}  // namespace tandem::sip
