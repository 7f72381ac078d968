// Keeps one leg's session alive (RFC 4028): reads and writes the session timer's headers wherever a
// 2xx makes or changes the session, refreshes when that is our part, and tells the listener when
// nobody has confirmed the session in time. Owner: the shard's thread.
#pragma once

#include <optional>
#include <string>

#include "controlplane/sip/leg.h"
#include "controlplane/sip/session_timer.h"

namespace tandem::sip {

class OfferAnswer;

class SessionRefresh final : loop::TimerListener {
 public:
  SessionRefresh(Leg& leg, OfferAnswer& offers) : leg_(leg), offers_(offers) {}
  ~SessionRefresh() { stop(); }
  SessionRefresh(const SessionRefresh&) = delete;
  SessionRefresh& operator=(const SessionRefresh&) = delete;

  void configure(const SessionTimerSettings& settings) { timer_.configure(settings); }
  // UAS: of the INVITE. False: it wants a 422 with min_se().
  bool configure(const SessionTimerSettings& settings, const Message& invite);
  void stop();
  bool configured() const { return timer_.configured(); }
  bool running() const { return timer_.running(); }
  base::Seconds interval() const { return timer_.interval(); }

  // Header lines for our INVITE; for our re-INVITE or UPDATE, none before there is a session; and
  // for the 2xx to the peer's INVITE or to what it wants of the session later.
  std::string ask_first() const { return timer_.ask(); }
  std::string ask() const { return up() ? timer_.ask() : std::string(); }
  std::string answer_first() { return answer(first_); }
  std::string answer(const TimerWords& words);
  // The 2xx to ours.
  void answered(const Message& response);
  // The 422 to ours. True: the same may be asked again, with more.
  bool raise(const Message& response) { return timer_.raise(read_timer(response)); }
  // True: that was the peer's request's end (422).
  bool refuse(ServerId id, int fork, const TimerWords& words);
  std::string min_se() const { return timer_.min_se(); }

  // How a refresh of ours ended; no response: none came. UPDATEs are ours alone, re-INVITEs go
  // through OfferAnswer, which tells.
  void on_response(ClientId update, const Message& response);
  void on_timeout(ClientId update);
  void refused(int status, const Message* response);

 private:
  void on_timer(std::uint64_t word) override;
  void refresh();
  bool send_update();
  void expire(int status);
  void arm();
  // There is a session to be kept.
  bool up() const {
    return leg_.state == SessionState::kAccepted || leg_.state == SessionState::kAnswered ||
           leg_.state == SessionState::kConfirmed;
  }

  Leg& leg_;
  OfferAnswer& offers_;
  SessionTimer timer_;
  TimerWords first_;  // UAS: the INVITE's
  ClientId update_;   // a refresh that waits for its answer
  loop::TimerId clock_;
};

}  // namespace tandem::sip
