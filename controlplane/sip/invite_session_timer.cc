// The part of a session whose INVITE is sent again since the peer's side wants a longer session
// interval (RFC 4028 §7.3).
#include "controlplane/sip/builder.h"
#include "controlplane/sip/invite_session.h"
#include "controlplane/sip/loop_mark.h"
#include "controlplane/sip/parser.h"

namespace tandem::sip {
namespace {

// Each hop may want more than the one before it.
constexpr std::uint32_t kAskedMax = 4;

bool is_written_anew(HeaderId id) {
  switch (id) {
    case HeaderId::kVia:
    case HeaderId::kCSeq:
    case HeaderId::kSessionExpires:
    case HeaderId::kMinSe:
    case HeaderId::kContentLength:
      return true;
    default:
      return false;
  }
}

}  // namespace

// In the same dialog-to-be, with the next CSeq. False: nobody waits, or it wouldn't help.
bool InviteSession::ask_longer(int branch, const Message& response) {
  Branch& own = branches_.at(branch);
  const bool waiting = state() == State::kCalling && !let_go_ && !own.let_go && own.status == 0;
  if (!waiting || own.invite.empty() || own.cseq >= kAskedMax) return false;
  if (branches_.has_dialog(branch) || !read_timer(response).min_se) return false;
  refresh_.raise(response);
  std::string bytes = own.invite;
  Message invite;
  if (Parser::parse({bytes.data(), bytes.size()}, invite).verdict != ParseVerdict::kOk)
    return false;
  auto& clients = leg_.host.clients;
  const ClientId again = clients.begin(Method::kInvite, session_cookie(leg_.id, Exchange::kInvite),
                                       branches_.first_dialog(branch).dialog.path);
  if (!again) return false;
  Builder out(message_scratch());
  out.request("INVITE", invite.request_uri())
      .pieces(HeaderId::kVia, clients.via(again), loop_mark(leg_.host.env, invite.request_uri()))
      .pieces(HeaderId::kCSeq, std::uint64_t{own.cseq + 1}, " INVITE");
  for (const Header& line : invite.headers()) {
    if (!is_written_anew(line.id)) out.header(line.name, line.value);
  }
  out.written(refresh_.ask_first());
  std::string text(out.finish({}, invite.body()).value_or(std::string_view{}));
  std::string kept = text;
  if (!clients.send(again, leg_.proven.prove(again, 0, std::move(text)))) return false;
  own.client = again;
  own.invite = std::move(kept);
  own.heard = false;
  ++own.cseq;
  return true;
}

}  // namespace tandem::sip
