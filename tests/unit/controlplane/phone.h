// A scripted SIP party over the real UserAgent: what a test uses as caller, callee or carrier.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "controlplane/sip/user_agent.h"
#include "tests/unit/controlplane/virtual_net.h"

namespace tandem::test {

inline const std::string kOffer =
    "v=0\r\no=alice 1 1 IN IP4 10.77.1.2\r\ns=-\r\nc=IN IP4 10.77.1.2\r\nt=0 0\r\n"
    "m=audio 7000 RTP/AVP 0 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\n";
inline const std::string kAnswer =
    "v=0\r\no=bob 2 2 IN IP4 10.77.2.2\r\ns=-\r\nc=IN IP4 10.77.2.2\r\nt=0 0\r\n"
    "m=audio 8000 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n";

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
            bool hold_ack = false) {
    auto [id, made] = agent_.make_session({here_, at(target)});
    session = id;
    made->listen(this, 0);
    const std::string uri = "sip:" + std::string(number) + "@" + std::string(target);
    CHECK_started(made->start({.request_uri = uri,
                               .from = "\"Alice\" <sip:alice@" + here_.address.text() + ">",
                               .to = "<" + uri + ">",
                               .hold_ack = hold_ack,
                               .content_type = offer.empty() ? "" : "application/sdp",
                               .body = offer}));
  }
  sip::InviteSession* leg() { return agent_.find(session); }
  sip::UserAgent& agent() { return agent_; }
  std::uint64_t count(wire::Counter counter) const { return counters_.get(counter); }

  // What happened, one word each: "180", "200", "refused 486", "cancelled", "acked", "bye", "lost".
  std::vector<std::string> events;
  std::string last_body;
  std::string last_uri;
  sip::SessionId session;
  // What to do with a re-INVITE; the default never answers.
  std::function<void(sip::InviteSession&)> on_change = [](sip::InviteSession&) {};
  // For a callee: what to do with a new call; the default lets it ring for ever.
  std::function<void(sip::InviteSession&)> on_call = [](sip::InviteSession&) {};

  bool knows(const sip::Path&) override { return true; }
  void on_invite(sip::SessionId id, sip::InviteSession& incoming, const sip::Message& invite,
                 const sip::Path&) override {
    session = id;
    last_body = invite.body();
    last_uri = invite.request_uri();
    events.emplace_back("invite");
    incoming.listen(this, 0);
    on_call(incoming);
  }
  void on_provisional(int, const sip::Message& response) override {
    events.push_back(std::to_string(response.status()));
    if (!response.body().empty()) last_body = response.body();
  }
  void on_answered(int, const sip::Message& response) override {
    events.emplace_back("200");
    last_body = response.body();
  }
  void on_refused(int, int status, const sip::Message*) override {
    events.push_back("refused " + std::to_string(status));
  }
  void on_cancelled(int) override { events.emplace_back("cancelled"); }
  void on_acked(int, const sip::Message& ack) override {
    events.emplace_back("acked");
    if (!ack.body().empty()) last_body = ack.body();
  }
  void on_bye(int) override { events.emplace_back("bye"); }
  void on_lost(int) override { events.emplace_back("lost"); }
  void on_offer(int, const sip::Message& invite) override {
    events.emplace_back("offer");
    last_body = invite.body();
    on_change(*leg());
  }
  void on_offer_acked(int, const sip::Message& ack) override {
    events.emplace_back("offer acked");
    if (!ack.body().empty()) last_body = ack.body();
  }
  void on_offer_answered(int, const sip::Message& response) override {
    events.emplace_back("offer 200");
    last_body = response.body();
  }
  void on_offer_refused(int, int status) override {
    events.push_back("offer refused " + std::to_string(status));
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
