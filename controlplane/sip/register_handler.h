// Where REGISTERs go (RFC 3261 §10.3), from anybody: handed to the user agent by main. Owner: the
// shard's thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "controlplane/sip/message.h"
#include "controlplane/sip/transport.h"

namespace tandem::sip {

// A DoorAnswer's status: none, the request is counted and that's all.
inline constexpr int kSilence = 0;

// What is answered to a request before, or without, a session.
struct DoorAnswer {
  int status = 200;           // or kSilence, from refuse() and refuse_stranger() only
  std::string_view reason{};  // empty: the standard phrase
  std::vector<std::pair<HeaderId, std::string>> headers{};
};

class RegisterHandler {
 public:
  // Asked before anything is remembered of a REGISTER: an answer for one whose sender has not
  // proven who it is, so that nobody can make us hold memory for strangers; none, to take it.
  virtual std::optional<DoorAnswer> refuse(const Message& request, const Path& path) = 0;
  // One that refuse() has let pass just before.
  virtual DoorAnswer take(const Message& request, const Path& path) = 0;

 protected:
  ~RegisterHandler() = default;
};

}  // namespace tandem::sip
