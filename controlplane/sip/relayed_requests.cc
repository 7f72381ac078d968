#include "controlplane/sip/relayed_requests.h"

#include <algorithm>

#include "controlplane/sip/end_to_end.h"

namespace tandem::sip {

bool is_relayed(Method method) {
  switch (method) {
    case Method::kInfo:
    case Method::kMessage:
    case Method::kNotify:
    case Method::kSubscribe:
    case Method::kRefer:
      return true;
    default:
      return false;
  }
}

bool moves_target(Method method) {
  return method == Method::kSubscribe || method == Method::kNotify || method == Method::kRefer;
}

bool RelayedRequests::take(ServerId id, int fork, Method method) {
  if (theirs_.size() == kOpenMax) return false;
  theirs_.push_back({id, fork, moves_target(method)});
  return true;
}

void RelayedRequests::answer(ServerId id, Reply reply) {
  const auto found = std::find_if(theirs_.begin(), theirs_.end(),
                                  [id](const Theirs& theirs) { return theirs.id == id; });
  if (found == theirs_.end()) return;
  const std::string contact = leg_.contact(found->fork);
  const HeaderLine lines[] = {{HeaderId::kContact, contact}};
  if (found->moves_target && reply.status < 300) reply.headers = lines;
  reply.to_tag = leg_.at(found->fork).dialog.local_tag;
  theirs_.erase(found);
  leg_.host.servers.respond(id, reply);
}

void RelayedRequests::abandon() {
  for (const Theirs& theirs : theirs_) leg_.refuse(theirs.id, theirs.fork, 487);
  theirs_.clear();
  ours_.clear();
}

bool RelayedRequests::send(int fork, const Message& request, ServerId asked) {
  if (ours_.size() == kOpenMax) return false;
  const std::string contact = leg_.contact(fork);
  const std::string passed = passing_headers(request, leg_.withheld);
  const ClientId id =
      leg_.send(Exchange::kRelayed, fork,
                {.method = request.method(),
                 .contact = moves_target(request.method()) ? std::string_view(contact) : "",
                 .max_forwards = request.max_forwards().value_or(70) - 1,
                 .passed = passed,
                 .content_type = request.value(HeaderId::kContentType),
                 .body = request.body()});
  if (id) ours_.push_back({id, asked});
  return static_cast<bool>(id);
}

bool RelayedRequests::inform(int fork, std::string_view content_type, std::string_view body) {
  if (ours_.size() == kOpenMax) return false;
  const ClientId id =
      leg_.send(Exchange::kRelayed, fork,
                {.method = Method::kInfo, .content_type = content_type, .body = body});
  if (id) ours_.push_back({id, {}});
  return static_cast<bool>(id);
}

std::optional<ServerId> RelayedRequests::take_back(ClientId id) {
  const auto found = std::find_if(ours_.begin(), ours_.end(),
                                  [id](const Ours& ours) { return ours.client == id; });
  if (found == ours_.end()) return std::nullopt;
  const ServerId asked = found->asked;
  ours_.erase(found);
  return asked;
}

}  // namespace tandem::sip
