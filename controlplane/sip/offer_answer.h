// Changes of a session that is set up or being set up: re-INVITE (RFC 3261 §14), UPDATE (RFC 3311)
// and offers in PRACK, the peer's and ours. One lock a leg: a second change waits for nobody, it is
// refused (491, 500) until the first is settled. Owner: the shard's thread.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "controlplane/sip/answer_repeater.h"
#include "controlplane/sip/leg.h"
#include "controlplane/sip/session_refresh.h"

namespace tandem::sip {

class OfferAnswer final : loop::TimerListener {
 public:
  // `lost`: our 2xx to a re-INVITE was never acknowledged.
  OfferAnswer(Leg& leg, SessionRefresh& timer, std::function<void()> lost);
  ~OfferAnswer();
  OfferAnswer(const OfferAnswer&) = delete;
  OfferAnswer& operator=(const OfferAnswer&) = delete;

  // The peer's. `request` is a re-INVITE, an UPDATE, or a PRACK whose 18x is acknowledged.
  void on_request(ServerId id, int fork, const Message& request);
  // True: it was the ACK of a re-INVITE's 2xx.
  bool on_ack(const Message& ack);
  void on_cancel(ServerId invite);
  void answer(int status, std::string_view content_type, std::string_view body,
              std::string_view passed);
  void refuse(int status, const Message* passed);

  // Ours. False: another exchange is open, the dialog isn't ready for one, or there is no room.
  bool reinvite(std::string_view content_type, std::string_view body, std::string_view passed);
  bool update(int fork, std::string_view content_type, std::string_view body,
              std::string_view passed);
  // The same for the session timer's sake: nothing changes, and the listener isn't told.
  bool refresh(std::string_view description);
  bool busy() const { return ours_ || theirs_; }
  void ack(std::string_view content_type, std::string_view body);
  // Takes our re-INVITE back; its end comes all the same.
  void cancel();

  void on_response(Exchange exchange, ClientId id, const Message& response);
  void on_timeout(Exchange exchange, ClientId id);
  // Ours waits for its answer; it is sent again with this number.
  bool waits_for(ClientId id) const { return ours_ && ours_->request == id && !ours_->answered; }
  void renumber(std::uint32_t cseq) { ours_->cseq = cseq; }
  void on_client_end(Exchange exchange);

  // The dialog of an open change is no more: another one was confirmed, or it ended, or all of the
  // leg does. What waits gets its 487.
  void confirmed(int fork);
  void abandon_fork(int fork);
  void abandon();
  // Client transactions of re-INVITEs may bring more 2xx, which want their ACK.
  bool may_hear_more() const { return reinvites_live_ != 0; }

 private:
  // The peer's request until it is refused or, a re-INVITE's 2xx, acknowledged.
  struct Theirs {
    ServerId request;
    Method method;
    int fork;
    std::uint32_t cseq;
    TimerWords timer;
    bool answered;
  };
  // Ours until it is refused or acknowledged.
  struct Ours {
    ClientId request;
    Method method;
    int fork;
    std::uint32_t cseq;
    bool asks_for_offer;
    bool answered;
    bool refreshes = false;
  };

  void on_timer(std::uint64_t word) override;
  int refusal(int fork, Method method) const;
  void refuse(ServerId id, int fork, int status, const Message* passed);
  void refused(int status, const Message& response);
  bool begin(Exchange exchange, int fork, Method method, std::string_view content_type,
             std::string_view body, std::string_view passed);
  void repeat_ack(const Message& response);
  void send_ack(std::string_view content_type, std::string_view body);
  void end_ours();
  void refresh_answered(const Message& response);

  Leg& leg_;
  SessionRefresh& timer_;
  AnswerRepeater repeater_;
  std::optional<Theirs> theirs_;
  std::optional<Ours> ours_;
  loop::TimerId patience_;  // for the answer to our re-INVITE
  // ACKs of our last re-INVITEs by CSeq, for repeated 2xx.
  std::vector<std::pair<std::uint32_t, std::string>> acks_;
  std::uint32_t reinvites_live_ = 0;  // client transactions
};

}  // namespace tandem::sip
