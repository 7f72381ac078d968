// Fuzzes what a media port's DTLS does to a handshake of ours. The first octet's bit 0: we are the
// server. Then steps, each an octet and what it needs: 0, a size and so many octets: they arrive;
// 1: the true peer's next datagram; 2, a place and a mask: the same, changed there; 3: its next one
// is lost; else: what we have said gets to the true peer. What holds for every input:
// - it ends with keys only where the true peer has the same ones, or none yet: nobody else has the
//   certificate that was named;
// - a datagram is answered by a flight at most, in datagrams of the size that was asked for;
// - what came is left alone once the handshake is over.
#include <algorithm>
#include <deque>
#include <span>
#include <string>
#include <vector>

#include "controlplane/media/dtls_handshake.h"
#include "tests/fuzz/must.h"

namespace tandem::fuzz {
namespace {

using media::DtlsHandshake;
using media::DtlsIdentity;
using media::DtlsRole;
using State = DtlsHandshake::State;
using Octets = std::vector<std::byte>;

// Flights have no more datagrams of ours: a certificate on P-256 is half a kilobyte.
constexpr std::size_t kFlightMost = 12;

const DtlsIdentity& ours() {
  static const DtlsIdentity made = DtlsIdentity::make().value();
  return made;
}
const DtlsIdentity& theirs() {
  static const DtlsIdentity made = DtlsIdentity::make().value();
  return made;
}

struct End {
  End(const DtlsIdentity& identity, DtlsRole role, const DtlsIdentity& peer)
      : handshake(identity, role, {peer.fingerprint()}, [this](DtlsHandshake::Datagram datagram) {
          MUST(datagram.size() <= DtlsHandshake::kMtu);
          said.emplace_back(datagram.begin(), datagram.end());
        }) {}

  std::deque<Octets> said;
  DtlsHandshake handshake;
};

class Run {
 public:
  explicit Run(bool server)
      : us_(ours(), server ? DtlsRole::kServer : DtlsRole::kClient, theirs()),
        peer_(theirs(), server ? DtlsRole::kClient : DtlsRole::kServer, ours()) {
    (server ? peer_ : us_).handshake.begin();
  }

  void steps(std::string_view input) {
    while (!input.empty()) {
      const auto step = take(input);
      if (step == 0) {
        const std::size_t wanted = take(input);
        const std::size_t size = std::min(wanted, input.size());
        arrive(input.substr(0, size));
        input.remove_prefix(size);
      } else if (step <= 3) {
        from_peer(step, input);
      } else if (!us_.said.empty()) {
        peer_.handshake.take(us_.said.front());
        us_.said.pop_front();
      }
    }
    check_keys();
  }

 private:
  static std::uint8_t take(std::string_view& input) {
    if (input.empty()) return 0;
    const auto out = static_cast<std::uint8_t>(input.front());
    input.remove_prefix(1);
    return out;
  }
  void from_peer(std::uint8_t step, std::string_view& input) {
    if (peer_.said.empty()) return;
    Octets datagram = std::move(peer_.said.front());
    peer_.said.pop_front();
    if (step == 3) return;
    if (step == 2) {
      const std::size_t place = take(input) * datagram.size() / 256;
      datagram[place] ^= static_cast<std::byte>(take(input));
    }
    arrive({reinterpret_cast<const char*>(datagram.data()), datagram.size()});
  }
  void arrive(std::string_view bytes) {
    const Exactly copy(bytes);
    const std::size_t before = us_.said.size();
    const State was = us_.handshake.state();
    us_.handshake.take(std::as_bytes(std::span(copy.view().data(), copy.size())));
    MUST(us_.said.size() - before <= kFlightMost);
    if (was == State::kRunning || was == State::kDone) return;
    MUST(us_.handshake.state() == was && us_.said.size() == before);
  }
  void check_keys() const {
    if (us_.handshake.state() != State::kDone || peer_.handshake.state() != State::kDone) return;
    MUST(us_.handshake.keys().suite == peer_.handshake.keys().suite);
    MUST(us_.handshake.keys().in == peer_.handshake.keys().out);
    MUST(us_.handshake.keys().out == peer_.handshake.keys().in);
  }

  End us_;
  End peer_;
};

void one_input(std::string_view input) {
  if (input.empty()) return;
  Run((input.front() & 1) != 0).steps(input.substr(1));
}

}  // namespace
}  // namespace tandem::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  tandem::fuzz::one_input(tandem::fuzz::text_of(data, size));
  return 0;
}
