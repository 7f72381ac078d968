// Fuzzes the SIP parser, the readers of header values, the builder and the dialog. What holds for
// every input:
// - with and without AVX2 the same is read, and all of it lies in the buffer;
// - what was unfolded in place reads the same again;
// - an accepted request can be answered, and the answer is one that we would accept, for the same
//   transaction and dialog;
// - a challenge that we understand is answered by credentials that we would understand;
// - a dialog made from an accepted INVITE builds requests that we would accept.
#include <array>
#include <span>
#include <string>

#include "controlplane/sip/builder.h"
#include "controlplane/sip/dialog.h"
#include "controlplane/sip/digest.h"
#include "controlplane/sip/digest_client.h"
#include "controlplane/sip/parser.h"
#include "controlplane/sip/replaces.h"
#include "tests/fuzz/must.h"

namespace tandem::fuzz {
namespace {

using sip::HeaderId;
using sip::Message;
using sip::ParseVerdict;

std::string_view contact_of(const Message& message) {
  const sip::NameAddr* contact = message.contact();
  if (contact == nullptr) return "none";
  return contact->star ? "*" : contact->uri.text;
}

bool same(const Message& a, const Message& b) {
  if (a.headers().size() != b.headers().size()) return false;
  for (std::size_t i = 0; i < a.headers().size(); ++i) {
    const auto& x = a.headers()[i];
    const auto& y = b.headers()[i];
    if (x.id != y.id || x.name != y.name || x.value != y.value) return false;
  }
  return a.is_request() == b.is_request() && a.method() == b.method() && a.status() == b.status() &&
         a.request_uri() == b.request_uri() && a.call_id() == b.call_id() &&
         a.cseq().number == b.cseq().number && a.from_tag() == b.from_tag() &&
         a.to_tag() == b.to_tag() && a.body() == b.body() && contact_of(a) == contact_of(b) &&
         a.top_via().branch == b.top_via().branch && a.max_forwards() == b.max_forwards();
}

void check_uri(const sip::Uri& uri, const Exactly& buffer) {
  for (const auto part : {uri.text, uri.user, uri.password, uri.host, uri.params, uri.headers}) {
    MUST(buffer.holds(part));
  }
  MUST(uri.text.empty() || sip::parse_uri(uri.text).has_value());
  if (const auto user = sip::unescape(uri.user)) MUST(user->size() <= uri.user.size());
}

void prove_to(std::string_view value) {
  const auto challenge = sip::parse_challenge(value);
  if (!challenge) return;
  const std::string answer = sip::digest_answer(
      *challenge, {.user = "a\"b", .password = "x", .method = "M", .uri = "sip:x", .cnonce = "c"});
  const auto credentials = sip::parse_credentials(answer);
  MUST(credentials && credentials->nonce == challenge->nonce);
  MUST(credentials->username == "a\"b" && credentials->realm == challenge->realm);
  MUST(answer.find_first_of("\r\n") == std::string::npos);
}

// Every reader of a value on every value: a header's name doesn't decide what is in it.
void read_value(std::string_view value, const Exactly& buffer) {
  if (const auto party = sip::parse_name_addr(value)) {
    MUST(buffer.holds(party->display) && buffer.holds(party->params));
    MUST(sip::params_well_formed(party->params));
    check_uri(party->uri, buffer);
  }
  if (const auto via = sip::parse_via(value)) {
    MUST(buffer.holds(via->host) && buffer.holds(via->branch) && buffer.holds(via->transport));
    MUST(via->well_formed == sip::params_well_formed(via->params));
    MUST(via->branch == sip::find_param(via->params, "branch").value_or(""));
  }
  if (const auto uri = sip::parse_uri(value)) check_uri(*uri, buffer);
  prove_to(value);
  for (auto rest = value; !rest.empty();) {
    const auto before = rest.size();
    MUST(buffer.holds(sip::next_param(rest)) && rest.size() < before);
  }
}

// Whom a REFER points to and what an INVITE replaces: what is understood has all its parts.
void read_transfer(const Message& message) {
  std::optional<sip::Replaces> replaces;
  const bool clear = sip::read_replaces(message, replaces);
  MUST(clear || !replaces);
  const auto target = sip::read_refer_to(message);
  (void)sip::refers_to_other_method(message);
  for (const auto& one : {replaces, target ? target->replaces : std::nullopt}) {
    if (!one) continue;
    MUST(!one->call_id.empty() && sip::is_token(one->to_tag) && sip::is_token(one->from_tag));
  }
}

void read_all(const Message& message, const Exactly& buffer) {
  for (const auto& header : message.headers()) {
    MUST(buffer.holds(header.name) && buffer.holds(header.value));
    MUST(sip::header_id(header.name) == header.id);
    MUST(message.find(header.id) <= &header);
    read_value(header.value, buffer);
    for (auto rest = header.value; !rest.empty();) {
      const auto one = sip::next_value(rest);
      if (one.size() != header.value.size()) read_value(one, buffer);
    }
  }
  check_uri(message.target(), buffer);
  check_uri(message.from().uri, buffer);
  check_uri(message.to().uri, buffer);
  if (const sip::NameAddr* contact = message.contact()) check_uri(contact->uri, buffer);
  MUST(message.from_tag() == message.from().tag().value_or(""));
  MUST(message.to_tag() == message.to().tag().value_or(""));
  MUST(buffer.holds(message.body()) && buffer.holds(message.call_id()));
  sip::lists_token(message, HeaderId::kSupported, "timer");
  read_transfer(message);
}

int values_of(const Message& message, HeaderId id) {
  int count = 0;
  sip::each_value(message, id, [&](std::string_view) { ++count; });
  return count;
}

void answer(const Message& request, bool accepted) {
  static std::array<char, 100'000> room;
  auto out = sip::start_response(room, request, "192.0.2.77", 5062, 200, {}, "us");
  out.copy(request, HeaderId::kRecordRoute);
  const auto text = out.finish("application/sdp", request.body());
  MUST(text);
  Exactly bytes(*text);
  Message response;
  const auto outcome = sip::Parser::parse({bytes.data(), bytes.size()}, response);
  if (!accepted) return;
  MUST(outcome.verdict == ParseVerdict::kOk);
  MUST(response.status() == 200 && response.body() == request.body());
  MUST(response.call_id() == request.call_id() && response.from_tag() == request.from_tag());
  MUST(response.cseq().number == request.cseq().number);
  MUST(response.cseq().method_name == request.cseq().method_name);
  MUST(response.to_tag() == (request.to_tag().empty() ? "us" : request.to_tag()));
  MUST(response.top_via().branch == request.top_via().branch);
  MUST(response.top_via().well_formed);
  MUST(values_of(response, HeaderId::kVia) == values_of(request, HeaderId::kVia));
}

void talk(const Message& invite) {
  const auto dialog = sip::Dialog::from_invite(invite, "us", {});
  if (!dialog) return;
  (void)dialog->request_path();
  const auto text = dialog->build({.method = sip::Method::kBye,
                                   .cseq = 1,
                                   .via = "SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bKus"});
  if (text.empty()) return;  // too long
  Exactly bytes(text);
  Message request;
  const auto outcome = sip::Parser::parse({bytes.data(), bytes.size()}, request);
  MUST(outcome.verdict == ParseVerdict::kOk);
  MUST(request.call_id() == invite.call_id() && request.to_tag() == invite.from_tag());
}

void one_input(std::string_view input) {
  Exactly bytes(input);
  Message message;
  const auto outcome = sip::Parser::parse({bytes.data(), bytes.size()}, message);
  Message other;
  if (input.size() % 8 == 0) {  // it is slow under sanitizers, and every input has neighbours
    Exactly twin(input);
    const auto plain = sip::Parser::parse_plain({twin.data(), twin.size()}, other);
    MUST(outcome.verdict == plain.verdict && outcome.status == plain.status);
    MUST(outcome.reason == plain.reason && same(message, other) && bytes.view() == twin.view());
  }
  read_all(message, bytes);
  if (outcome.verdict == ParseVerdict::kKeepalive || outcome.verdict == ParseVerdict::kGarbage) {
    return;
  }
  const bool accepted = outcome.verdict == ParseVerdict::kOk;
  MUST(accepted == (outcome.status == 0) && accepted == outcome.reason.empty());
  MUST(!message.top_via().host.empty());
  if (accepted) {
    Exactly again(bytes.view());
    MUST(sip::Parser::parse({again.data(), again.size()}, other).verdict == ParseVerdict::kOk);
    MUST(same(message, other));
  }
  if (!message.is_request()) return;
  answer(message, accepted);
  if (accepted && message.method() == sip::Method::kInvite) talk(message);
}

}  // namespace
}  // namespace tandem::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  tandem::fuzz::one_input(tandem::fuzz::text_of(data, size));
  return 0;
}
