// Phones that register with a device under test, as one load: each in turn is challenged, proves
// its password by MD5 and is answered 200, over and over, so that all but the first are refreshes.
// Phone n is account u<n> with password secret-<n>. All send from one address, as behind a proxy.
// Not more of SIP than that needs. Owner: the generator's one thread.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "controlplane/sip/digest_hash.h"
#include "perf/load/wire.h"

namespace tandem::perf {

struct RegisterFigures {
  std::uint64_t completed = 0;               // 200 to the proof
  std::uint64_t refused = 0;                 // ended by anything else
  std::uint64_t lost = 0;                    // given up after kPatience
  std::uint64_t retransmitted = 0;           // for want of a response
  std::uint64_t strays = 0;                  // datagrams that meant nothing to us
  std::vector<std::uint32_t> registered_us;  // from the first REGISTER to the 200
};

class Phones final : public WireListener {
 public:
  static constexpr Nanos kRepeat = base::Millis{500};
  static constexpr Nanos kPatience = base::Seconds{10};

  struct Setup {
    Endpoint device;
    Endpoint phones;  // their address
    std::string realm;
    std::uint32_t count;
    std::uint32_t expires;  // seconds that they ask for
  };
  Phones(Wire& wire, Setup setup);

  // The next phone registers. False: it is still at its last time.
  bool start(Nanos now);
  void on_datagram(Party to, const Endpoint& from, std::string_view bytes) override;
  // The time of this turn, and what is due by it.
  void tick(Nanos now);

  std::size_t open() const { return open_; }
  RegisterFigures& figures() { return figures_; }

 private:
  enum class Stage : std::uint8_t { kIdle, kAsking, kProving };
  struct Phone {
    std::array<std::uint8_t, 16> ha1{};
    Stage stage = Stage::kIdle;
    std::uint32_t cseq = 0;
    Nanos began{};        // of the machine's clock
    Nanos patience{};     // until when, of the turns' clock
    std::string request;  // for repeating
  };
  struct Due {
    Nanos at;
    std::uint32_t phone;
    std::uint32_t cseq;
  };

  void send(std::uint32_t number, std::string_view authorization);
  void on_challenge(std::uint32_t number, std::string_view bytes);
  void finish(Phone& phone);

  Wire& wire_;
  Setup setup_;
  std::string here_;
  std::string ha2_;  // hexadecimal: all requests have the same method and URI
  std::string run_;  // tells this run's Call-IDs and branches from another's
  std::string mark_;
  Nanos now_{};
  std::uint32_t next_ = 0;
  std::size_t open_ = 0;
  std::vector<Phone> phones_;
  std::deque<Due> repeats_;  // in the order of their time
  RegisterFigures figures_;
};

}  // namespace tandem::perf
