// What a REGISTER does to the bindings of an address of record (RFC 3261 §10.3): read, judged, done
// as a whole or not at all, and told. Knows no account and no transport; pure.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "controlplane/sip/message.h"
#include "controlplane/sip/transport.h"
#include "drivers/base/clock.h"
#include "drivers/base/keyed_hash.h"
#include "drivers/base/packed_text.h"

namespace tandem::sip {

using base::Nanos;
using base::Seconds;

// An Endpoint and a Path without what they don't need here, as there are millions of bindings.
struct PackedEndpoint {
  std::array<std::uint8_t, 16> address{};
  std::uint16_t port = 0;
  base::Family family = base::Family::kNone;

  PackedEndpoint() = default;
  PackedEndpoint(const base::Endpoint& from)  // NOLINT implicit on purpose
      : address(from.address.bytes), port(from.port), family(from.address.family) {}
  operator base::Endpoint() const {  // NOLINT implicit on purpose
    return {.address = {.bytes = address, .family = family}, .port = port};
  }
  std::string text() const { return base::Endpoint(*this).text(); }

  friend bool operator==(const PackedEndpoint&, const PackedEndpoint&) = default;
  friend bool operator==(const PackedEndpoint& a, const base::Endpoint& b) {
    return base::Endpoint(a) == b;
  }
};
struct PackedPath {
  PackedEndpoint local;
  PackedEndpoint remote;
  Protocol protocol = Protocol::kUdp;
  std::uint64_t flow = 0;

  // What a peer can do besides isn't kept.
  static PackedPath of(const Path& path) {
    return {
        .local = path.local, .remote = path.remote, .protocol = path.protocol, .flow = path.flow};
  }
  operator Path() const {  // NOLINT implicit on purpose
    return {.local = local, .remote = remote, .protocol = protocol, .flow = flow};
  }
};

// Where an address of record is reached. Texts lie in one block.
struct Binding {
  base::PackedText texts;  // the Contact's URI, its parameters but q and expires, the Path
  std::uint16_t uri_size = 0;
  std::uint16_t params_size = 0;
  std::uint16_t q = 1000;  // thousandths
  bool behind_nat = false;
  bool silent = false;  // didn't answer when it was asked last, and hasn't been heard since
  std::uint32_t cseq = 0;
  std::uint64_t registration = 0;  // stands for the Call-ID of the last REGISTER
  std::uint64_t instance = 0;      // for +sip.instance and reg-id (RFC 5626); 0: not given
  Nanos expires{};
  Nanos registered{};               // first
  Nanos heard{};                    // last
  std::uint32_t round_trip_us = 0;  // of its last answer; 0: never asked
  std::uint32_t place = 0;          // for whoever keeps bindings; 0: none yet
  PackedPath way{};                 // that the last REGISTER came

  std::string_view uri() const { return std::string_view(texts).substr(0, uri_size); }
  std::string_view params() const { return std::string_view(texts).substr(uri_size, params_size); }
  // Routes of a request to it, topmost first (RFC 3327); empty: none.
  std::string_view path() const {
    return std::string_view(texts).substr(std::size_t{uri_size} + params_size);
  }
};
static_assert(sizeof(Binding) == 128, "there are millions; a size that allocators have");

struct ContactWish {
  Uri uri;
  std::string params;  // without q and expires
  std::uint16_t q = 1000;
  std::uint64_t instance = 0;
  std::optional<std::uint32_t> expires{};  // seconds
};

// What a REGISTER asks for.
struct RegisterWish {
  std::vector<ContactWish> contacts{};  // none, and not remove_all: only to be told
  bool remove_all = false;
  std::uint64_t registration = 0;
  std::uint32_t cseq = 0;
  std::string path{};
};

struct RegisterFault {
  int status = 400;
  std::string_view reason{};
};

// `key` hashes Call-ID and instances. Fills `wish`; a value: it makes no sense, and is answered so.
std::optional<RegisterFault> read_register(const Message& request, const base::KeyedHash::Key& key,
                                           RegisterWish& wish);

struct RegistrationPolicy {
  static constexpr std::size_t kContactsMax = 16;

  Seconds least{};            // shorter is refused with 423 …
  Seconds most{};             // … longer is cut, and so is what nobody said
  std::uint32_t devices = 1;  // with a registration of their own, at a time
  bool replace = true;        // another device takes the oldest one's place; else it is refused
};

struct RegisterOutcome {
  int status = 200;  // 423, 403 or 500: nothing was changed
  std::uint32_t added = 0;
  std::uint32_t removed = 0;      // as it was asked for, expired ones too
  std::vector<Binding> kicked{};  // of other devices, for this one
};

// `way`, `behind_nat`: how the request came.
RegisterOutcome apply_register(std::vector<Binding>& bindings, const RegisterWish& wish,
                               const RegistrationPolicy& policy, const Path& way, bool behind_nat,
                               Nanos now);

// Takes out what has run out; returns how many.
std::uint32_t drop_expired(std::vector<Binding>& bindings, Nanos now);

// A Contact's value in the answer.
std::string contact_value(const Binding& binding, Nanos now);

}  // namespace tandem::sip
