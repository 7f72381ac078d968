#include "controlplane/sip/leg.h"

#include <algorithm>
#include <array>

#include "controlplane/sip/body.h"
#include "controlplane/sip/end_to_end.h"
#include "drivers/base/check.h"

namespace tandem::sip {

int Leg::fork_by_tags(std::string_view local, std::string_view remote) const {
  for (std::size_t i = 0; i < dialogs.size(); ++i) {
    const auto& [dialog, agreement, allows, over, branch, rseq, answering] = dialogs[i];
    if (over || dialog.remote_tag.empty()) continue;
    if (dialog.local_tag == local && dialog.remote_tag == remote) return static_cast<int>(i);
  }
  return -1;
}

int Leg::fork_by_remote_tag(std::string_view tag, int branch) const {
  if (tag.empty()) return -1;
  for (std::size_t i = 0; i < dialogs.size(); ++i) {
    if (dialogs[i].branch != branch) continue;
    if (dialogs[i].dialog.remote_tag == tag) return static_cast<int>(i);
  }
  return -1;
}

void Leg::note_allow(int in_fork, const Message& message) {
  if (message.find(HeaderId::kAllow) == nullptr) return;
  at(in_fork).allows_update = lists_token(message, HeaderId::kAllow, "UPDATE");
}

std::string Leg::contact(const Path& path, bool secure, std::string_view user) {
  std::string here(user);
  if (!user.empty()) here += '@';
  here += path.local.text();
  if (path.protocol == Protocol::kUdp) return "<sip:" + here + ">";
  if (path.protocol == Protocol::kTcp) return "<sip:" + here + ";transport=tcp>";
  // §8.1.1.8, §12.1.1: where sips was asked for, ours is one too.
  return secure ? "<sips:" + here + ">" : "<sip:" + here + ";transport=tls>";
}

std::string Leg::contact(int in_fork) const {
  const Dialog& in = dialogs[static_cast<std::size_t>(in_fork)].dialog;
  return contact(in.path, in.secure, contact_user);
}

Path Leg::way(const Dialog& to) const {
  return host.env.transport.settle(to.request_path(), to.path);
}

std::string Leg::fresh_via(const Path& path) const {
  return "SIP/2.0/" + std::string(protocol_name(path.protocol)) + " " + path.local.text() +
         ";branch=z9hG4bK" + host.env.random.token() + ";rport";
}

Nanos Leg::glare_pause() const {
  // In units of 10 ms: 2.1 to 4 s for the owner of the Call-ID, 0 to 2 s for the other.
  const std::uint64_t units = host.env.random.next() % (uac ? 191 : 201);
  return base::Millis{10} * static_cast<std::int64_t>(units + (uac ? 210 : 0));
}

ClientId Leg::send(Exchange exchange, int in_fork, Dialog::Request request) {
  Dialog& to = at(in_fork).dialog;
  const ClientId client = host.clients.begin(request.method, session_cookie(id, exchange), way(to));
  if (!client) return {};
  request.cseq = to.next_cseq();
  const std::string via = host.clients.via(client);
  request.via = via;
  return host.clients.send(client, proven.prove(client, in_fork, to.build(request))) ? client
                                                                                     : ClientId{};
}

std::string Leg::send_ack(std::uint32_t cseq, std::string_view content_type,
                          std::string_view body) {
  const Path path = way();
  const std::string via = fresh_via(path);
  const std::string own_contact = contact(fork);
  std::string ack = dialog().build({.method = Method::kAck,
                                    .cseq = cseq,
                                    .via = via,
                                    .contact = own_contact,
                                    .content_type = content_type,
                                    .body = body});
  ack = proven.prove_ack(std::move(ack));
  if (ack.empty()) {
    host.env.counters.add(wire::Counter::drop_sip_send);
  } else {
    send_counted(host.env, path, ack);
  }
  return ack;
}

bool Leg::respond(ServerId to, int in_fork, const Reply& reply) {
  const std::string own_contact = contact(in_fork);
  std::array<HeaderLine, 8> lines = {{{HeaderId::kContact, own_contact},
                                      {HeaderId::kAllow, host.env.allow},
                                      {HeaderId::kSupported, host.env.supported}}};
  CHECK(reply.headers.size() <= lines.size() - 3);
  std::copy(reply.headers.begin(), reply.headers.end(), lines.begin() + 3);
  Reply whole = reply;
  whole.to_tag = at(in_fork).dialog.local_tag;
  whole.headers = std::span(lines).first(3 + reply.headers.size());
  return host.servers.respond(to, whole);
}

void Leg::refuse(ServerId to, int in_fork, int status, std::span<const HeaderLine> headers,
                 const Message* passed) {
  Reply reply{.status = status, .to_tag = at(in_fork).dialog.local_tag, .headers = headers};
  std::string lines;
  if (passed != nullptr) {
    lines = passing_headers(*passed, withheld);
    reply.passed = lines;
  }
  // A description in it would be of addresses that aren't ours.
  if (passed != nullptr && sdp_of(*passed).empty()) {
    reply.content_type = passed->value(HeaderId::kContentType);
    reply.body = passed->body();
  }
  host.servers.respond(to, reply);
}

}  // namespace tandem::sip
