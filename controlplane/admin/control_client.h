// tandemctl's end of the control socket: one request at a time, and its reply.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "drivers/base/clock.h"
#include "drivers/base/result.h"

namespace tandem::admin {

using Json = nlohmann::ordered_json;

class ControlClient {
 public:
  explicit ControlClient(std::string path) : path_(std::move(path)) {}
  ~ControlClient();
  ControlClient(const ControlClient&) = delete;
  ControlClient& operator=(const ControlClient&) = delete;

  struct Outcome {
    enum class Kind : std::uint8_t { kDone, kRefused, kUnreachable } kind = Kind::kUnreachable;
    Json result{};        // done
    std::string error{};  // else, for a person
  };
  // Waits for the reply as long as `patience` between two of its pieces.
  Outcome ask(const std::string& command, const Json& args,
              base::Seconds patience = base::Seconds{10});

 private:
  bool connect();
  bool exchange(const std::string& line, base::Seconds patience, std::string& reply);

  std::string path_;
  int fd_ = -1;
};

}  // namespace tandem::admin
