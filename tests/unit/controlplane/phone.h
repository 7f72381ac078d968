// A scripted SIP party over the real UserAgent: what a test uses as caller, callee or carrier.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "controlplane/sip/end_to_end.h"
#include "controlplane/sip/parser.h"
#include "controlplane/sip/user_agent.h"
#include "tests/unit/controlplane/virtual_net.h"

namespace tandem::test {

inline const std::string kOffer =
    "v=0\r\no=alice 1 1 IN IP4 10.77.1.2\r\ns=-\r\nc=IN IP4 10.77.1.2\r\nt=0 0\r\n"
    "m=audio 7000 RTP/AVP 0 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\n";
inline const std::string kAnswer =
    "v=0\r\no=bob 2 2 IN IP4 10.77.2.2\r\ns=-\r\nc=IN IP4 10.77.2.2\r\nt=0 0\r\n"
    "m=audio 8000 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n";

// A message that carries headers and a body for a phone to pass on; what belongs to a leg in it is
// a stand-in.
struct Carried {
  explicit Carried(std::string_view method, std::string_view lines = {},
                   std::string_view content = {}) {
    const std::string m(method);
    bytes = m + " sip:x@x SIP/2.0\r\nVia: SIP/2.0/UDP x;branch=z9hG4bKx\r\nMax-Forwards: 70\r\n" +
            "From: <sip:x@x>;tag=x\r\nTo: <sip:x@x>\r\nCall-ID: x\r\nCSeq: 1 " + m + "\r\n" +
            std::string(lines) + "Content-Length: " + std::to_string(content.size()) + "\r\n\r\n" +
            std::string(content);
    const auto outcome = sip::Parser::parse({bytes.data(), bytes.size()}, message);
    CHECK(outcome.verdict == sip::ParseVerdict::kOk);
    headers = sip::passing_headers(message);
  }
  Carried(const Carried&) = delete;

  std::string bytes;
  sip::Message message;
  std::string headers;  // those that pass
};

class Phone final : public sip::CallHandler, public sip::SessionListener {
 public:
  Phone(VirtualNet& net, std::string_view address)
      : here_(at(address)),
        port_(net),
        random_(base::EndpointHash{}(here_)),
        env_{.wheel = net.wheel(), .transport = port_, .counters = counters_, .random = random_},
        agent_(env_, *this) {
    env_.timers.resend_gaps = {base::Millis{500}, base::Seconds{1}, base::Seconds{2},
                               base::Seconds{4},  base::Seconds{4}, base::Seconds{4}};
    net.attach(here_.address, agent_);
    net.on_idle([this] { agent_.tidy(); });
  }

  // Calls; the session is in `session` then.
  void dial(std::string_view target, std::string_view number, const std::string& offer = kOffer,
            bool hold_ack = false, bool reliable = true) {
    auto [id, made] = agent_.make_session({here_, at(target)});
    session = id;
    made->listen(this, 0);
    const std::string uri = "sip:" + std::string(number) + "@" + std::string(target);
    const std::string passed = Carried("INVITE", invite_headers).headers + own_headers;
    CHECK_started(made->start({.request_uri = uri,
                               .from = "\"Alice\" <sip:alice@" + here_.address.text() + ">",
                               .to = "<" + uri + ">",
                               .credentials = credentials,
                               .contact_user = contact_user,
                               .reliable = reliable,
                               .hold_ack = hold_ack,
                               .passed = passed,
                               .content_type = offer.empty() ? "" : offer_type,
                               .body = offer,
                               .timer = timer}));
  }
  // In its dialog: INFO and its like. False: it couldn't be sent.
  bool ask(std::string_view method, std::string_view headers = {}, std::string_view body = {}) {
    return leg()->relay(Carried(method, headers, body).message, {});
  }
  sip::InviteSession* leg() { return agent_.find(session); }
  sip::UserAgent& agent() { return agent_; }
  // From now on its sessions have timers (RFC 4028). Without UPDATE, re-INVITEs refresh them.
  void keep_sessions(const sip::SessionTimerSettings& settings, bool update = true) {
    timer = settings;
    env_.supported = "100rel, timer";
    if (!update) env_.allow = "INVITE, ACK, CANCEL, BYE, PRACK";
  }
  std::uint64_t count(wire::Counter counter) const { return counters_.get(counter); }

  // What happened, one word each: "180", "200", "refused 486", "cancelled", "acked", "bye", "lost".
  std::vector<std::string> events;
  // The same without 100s.
  std::vector<std::string> heard() const {
    std::vector<std::string> out;
    for (const auto& event : events) {
      if (event != "100") out.push_back(event);
    }
    return out;
  }
  std::string last_body;
  std::string last_uri;
  std::string invite_headers;  // of the calls it makes, each with its CRLF; those that pass
  std::string own_headers;     // and those that are a leg's own (Require, Replaces)
  std::string offer_type = "application/sdp";
  std::optional<sip::SessionTimerSettings> timer;
  // What it proves itself by, and the user of its Contacts.
  std::shared_ptr<sip::DigestClient> credentials;
  std::string contact_user;
  int last_fork = 0;
  std::string own_sdp;  // for a test's on_change
  sip::SessionId session;
  // What to do with a re-INVITE; the default never answers.
  std::function<void(sip::InviteSession&)> on_change = [](sip::InviteSession&) {};
  // What to do with an INFO and its like; the default says 200.
  std::function<void(sip::InviteSession&, sip::ServerId, const sip::Message&)> on_request =
      [](sip::InviteSession& leg, sip::ServerId id, const sip::Message&) {
        leg.answer_relayed(id, {.status = 200});
      };
  // The last request in a dialog as it came, start line and headers in the order they had.
  std::string last_request;
  std::string last_response;
  // For a caller: what to do with a reliable 18x that makes the offer.
  std::function<void(sip::InviteSession&, int fork)> on_early_offer = [](auto&, int) {};
  // For a callee: what to do with a new call; the default lets it ring for ever.
  std::function<void(sip::InviteSession&)> on_call = [](sip::InviteSession&) {};

  bool knows(const sip::Path&) override { return true; }
  void on_invite(sip::SessionId id, sip::InviteSession& incoming, const sip::Message& invite,
                 const sip::Path&) override {
    session = id;
    last_body = invite.body();
    last_uri = invite.request_uri();
    last_request = text(invite);
    events.emplace_back("invite");
    if (timer && !incoming.keep(*timer, invite)) {
      incoming.finish(422);
      return;
    }
    incoming.listen(this, 0);
    on_call(incoming);
  }
  void on_provisional(int, int fork, const sip::Message& response) override {
    events.push_back(std::to_string(response.status()));
    last_response = text(response);
    if (!response.body().empty()) last_body = response.body();
    last_fork = fork;
    if (leg()->agreement(fork) == sip::Agreement::kTheirs) on_early_offer(*leg(), fork);
  }
  void on_answered(int, int fork, const sip::Message& response) override {
    last_fork = fork;
    events.emplace_back("200");
    last_response = text(response);
    last_body = response.body();
  }
  void on_refused(int, int status, const sip::Message* response) override {
    last_response = response == nullptr ? "" : text(*response);
    if (response != nullptr) last_body = response->body();
    events.push_back("refused " + std::to_string(status));
  }
  void on_cancelled(int, const sip::Message& request) override {
    events.emplace_back("cancelled");
    last_request = text(request);
  }
  void on_acked(int, const sip::Message& ack) override {
    events.emplace_back("acked");
    if (!ack.body().empty()) last_body = ack.body();
  }
  void on_early_answer(int, int, const sip::Message& prack) override {
    events.emplace_back("early answer");
    last_body = prack.body();
  }
  void on_bye(int, const sip::Message& bye) override {
    events.emplace_back("bye");
    last_request = text(bye);
  }
  void on_lost(int) override { events.emplace_back("lost"); }
  void on_prack_missing(int) override { events.emplace_back("prack missing"); }
  void on_offer(int, int fork, const sip::Message& request) override {
    last_fork = fork;
    events.emplace_back("offer");
    last_request = text(request);
    last_body = request.body();
    on_change(*leg());
  }
  void on_offer_cancelled(int) override { events.emplace_back("offer cancelled"); }
  void on_offer_acked(int, const sip::Message& ack) override {
    events.emplace_back("offer acked");
    if (!ack.body().empty()) last_body = ack.body();
  }
  void on_offer_answered(int, const sip::Message& response) override {
    events.emplace_back("offer 200");
    last_response = text(response);
    last_body = response.body();
  }
  void on_offer_refused(int, int status, const sip::Message* response) override {
    last_response = response == nullptr ? "" : text(*response);
    if (response != nullptr) last_body = response->body();
    events.push_back("offer refused " + std::to_string(status));
  }
  void on_relayed(int, int, sip::ServerId id, const sip::Message& request) override {
    events.emplace_back(request.method_name());
    last_request = text(request);
    last_body = request.body();
    on_request(*leg(), id, request);
  }
  void on_relayed_answered(int, sip::ServerId, const sip::Message* response) override {
    const int status = response == nullptr ? 408 : response->status();
    events.push_back("answer " + std::to_string(status));
    last_response = response == nullptr ? "" : text(*response);
    last_body = response == nullptr ? "" : response->body();
  }

  std::string description(int) override { return own_sdp; }
  void on_refreshed(int, const sip::Message& response) override {
    events.emplace_back("refreshed");
    last_response = text(response);
    last_body = response.body();
  }
  void on_expired(int, int status) override {
    events.push_back("expired " + std::to_string(status));
    leg()->finish(0);
  }

  // A message's start line and headers, one a line, as they stand in it.
  static std::string text(const sip::Message& message) {
    std::string out =
        message.is_request() ? std::string(message.request_uri()) : std::string(message.reason());
    out += "\r\n";
    for (const auto& header : message.headers()) {
      out += std::string(header.name) + ": " + std::string(header.value) + "\r\n";
    }
    return out;
  }

 private:
  static void CHECK_started(bool started) { CHECK(started); }

  Endpoint here_;
  VirtualNet::Port port_;
  wire::CounterBlock counters_;
  base::SeededRandom random_;
  sip::Environment env_;
  sip::UserAgent agent_;
};

}  // namespace tandem::test
