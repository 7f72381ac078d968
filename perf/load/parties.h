// Caller and callee at both sides of a device under test: whole calls, INVITE 100 180 200 ACK, then
// BYE 200 from the caller, with session descriptions. A call's number goes through in the dialled
// number and in the callee's Contact, so that both parties know it whatever the device does with
// Call-IDs. Not more of SIP than that needs. Owner: the generator's one thread.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "perf/load/wire.h"

namespace tandem::perf {

struct Addresses {
  Endpoint device;  // where INVITEs go
  Endpoint caller;
  Endpoint callee;
};

struct LoadFigures {
  std::uint64_t started = 0;
  std::uint64_t completed = 0;
  std::uint64_t refused = 0;                  // ended by a final response that was no 200
  std::uint64_t lost = 0;                     // given up after kPatience
  std::uint64_t retransmitted = 0;            // by us, for want of a response or an ACK
  std::uint64_t strays = 0;                   // datagrams that meant nothing to us
  std::vector<std::uint32_t> first_reply_us;  // INVITE to its first response
  std::vector<std::uint32_t> setup_us;        // INVITE to its 200
};

class Parties final : public WireListener {
 public:
  static constexpr std::size_t kCallsMax = 32768;  // at once
  static constexpr Nanos kRepeat = base::Millis{500};
  static constexpr Nanos kPatience = base::Seconds{10};

  // `hold`: from the 200 to the BYE.
  Parties(Wire& wire, const Addresses& addresses, Nanos hold);

  // False: kCallsMax are open.
  bool start(Nanos now);
  void on_datagram(Party to, const Endpoint& from, std::string_view bytes) override;
  // The time of this turn, and what is due by it.
  void tick(Nanos now);

  std::size_t open() const { return open_; }
  LoadFigures& figures() { return figures_; }

 private:
  enum class Stage : std::uint8_t { kFree, kInviting, kTalking, kEnding };
  struct Call {
    std::uint64_t number = 0;
    Stage stage = Stage::kFree;
    bool heard = false;        // any response to the INVITE
    Nanos began{};             // of the machine's clock
    Nanos patience{};          // until when, of the turns' clock
    std::string request;       // the caller's INVITE or BYE, for repeating
    std::string ack;           // the caller's
    std::string answer;        // the callee's 200, until its ACK comes
    Endpoint answer_to;        // whence its INVITE came
    std::string dialog_lines;  // of requests in the dialog: Route, From, To, Call-ID
    std::string target;
  };
  struct Due {
    Nanos at;
    std::uint64_t number;
  };

  Call& place(std::uint64_t number) { return calls_[number % kCallsMax]; }
  // nullptr: that call is over.
  Call* find(std::uint64_t number);
  void on_response(std::string_view bytes);
  void on_invite_response(Call& call, int status, std::string_view bytes);
  void on_answer(Call& call, std::string_view bytes);
  void on_request(const Endpoint& from, std::string_view bytes);
  void on_invite(std::uint64_t number, const Endpoint& from, std::string_view invite);
  void hang_up(Call& call);
  void acknowledge_refusal(const Call& call, std::string_view response);
  void free(Call& call);
  void repeat(Call& call);
  std::string in_dialog(const Call& call, std::string_view method, int cseq);
  std::uint32_t since(const Call& call) const;

  Wire& wire_;
  Addresses at_;
  std::string device_;
  std::string caller_;
  std::string callee_;
  Nanos hold_;
  Nanos now_{};
  std::string run_;  // tells this run's Call-IDs and branches from another's
  std::uint64_t next_number_ = 0;
  std::size_t open_ = 0;
  std::vector<Call> calls_;
  std::deque<Due> repeats_;  // both in the order of their time
  std::deque<Due> hang_ups_;
  LoadFigures figures_;
};

}  // namespace tandem::perf
