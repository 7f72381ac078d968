// Reliable provisional responses (RFC 3262). Both sides' rules: which 18x of the peer's is the next
// (RSeq), and our own 18x, one at a time, repeated until its PRACK. Owner: the shard's thread.
#pragma once

#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "controlplane/sip/leg.h"

namespace tandem::sip {

// RAck: 776656 1 INVITE (§7.2).
struct RAck {
  std::uint32_t rseq = 0;
  std::uint32_t cseq = 0;
  Method method = Method::kOther;
};
std::optional<RAck> read_rack(const Message& prack);
// The number of a response that is to be acknowledged by PRACK; no value: it isn't.
std::optional<std::uint32_t> reliable_number(const Message& response);

// A 1xx in the words of who decides it.
struct Provisional {
  int status = 180;
  int fork = 0;
  bool reliably = false;  // where the caller can; where it insists on it, always
  std::string_view content_type{};
  std::string_view body{};
  std::string_view passed{};  // the callee's end-to-end headers, as lines
};

// UAS: all 1xx of one INVITE. What comes while one waits for its PRACK waits behind it, reliable or
// not, so that the caller hears them in order and a repetition is never of the wrong one.
class ReliableProvisionals final : loop::TimerListener {
 public:
  // Of a gateway that rings and rings; more are dropped (counted).
  static constexpr std::size_t kQueueMax = 8;

  // `gave_up`: no PRACK came for 64*T1.
  ReliableProvisionals(Leg& leg, std::function<void()> gave_up)
      : leg_(leg), gave_up_(std::move(gave_up)) {}
  ~ReliableProvisionals() { stop(); }
  ReliableProvisionals(const ReliableProvisionals&) = delete;
  ReliableProvisionals& operator=(const ReliableProvisionals&) = delete;

  void begin(ServerId invite, const Message& request);
  bool supported() const { return supported_; }
  bool required() const { return required_; }

  void send(const Provisional& response);
  // True: this is what the PRACK was waited for; it has it now. `description`: whether that 18x
  // carried one.
  bool acknowledge(int fork, const RAck& rack, bool& description);
  // Sends what waited behind it.
  void send_next();
  // An 18x with a session description waits for its PRACK: no 2xx may go out (§3).
  bool holds_answer_back() const { return waiting_ && waiting_->description; }
  // A final response is going out: no more 1xx, no more repetitions. A PRACK that is on its way is
  // still known.
  void stop();

 private:
  struct Queued {
    int status;
    int fork;
    bool reliably;
    std::string content_type;
    std::string body;
    std::string passed;
  };
  struct Waiting {
    int fork;
    std::uint32_t rseq;
    bool description;
  };

  void on_timer(std::uint64_t word) override;
  void send_now(const Provisional& response);
  void arm();

  Leg& leg_;
  std::function<void()> gave_up_;
  ServerId invite_;
  std::uint32_t invite_cseq_ = 0;
  bool supported_ = false;
  bool required_ = false;
  std::optional<Waiting> waiting_;
  std::deque<Queued> queue_;
  loop::TimerId timer_;
  Nanos gap_{};
  Nanos since_{};
};

}  // namespace tandem::sip
