// Orders about payload keys, as the control plane gives them.
#pragma once

#include <algorithm>
#include <string_view>
#include <vector>

#include "drivers/crypto/payload_mode.h"
#include "drivers/wire/messages.h"

namespace tandem::dataplane::testing {

// All pieces of it.
inline std::vector<wire::Command> set_key_commands(wire::PayloadKeyName name,
                                                   crypto::PayloadMode mode, std::string_view key) {
  std::vector<wire::Command> out;
  constexpr std::size_t kPiece = wire::SetPayloadKey::kPiece;
  for (std::size_t at = 0; at < key.size(); at += kPiece) {
    wire::Command command;
    command.kind = wire::CommandKind::kSetPayloadKey;
    command.set_key = {};
    command.set_key.name = name;
    command.set_key.size = static_cast<std::uint16_t>(key.size());
    command.set_key.mode = static_cast<std::uint8_t>(mode);
    command.set_key.piece = static_cast<std::uint8_t>(at / kPiece);
    std::copy_n(key.data() + at, std::min(kPiece, key.size() - at), command.set_key.octets.data());
    out.push_back(command);
  }
  return out;
}

inline wire::Command forget_key_command(wire::PayloadKeyName name) {
  wire::Command command;
  command.kind = wire::CommandKind::kForgetPayloadKey;
  command.forget_key = {name};
  return command;
}

}  // namespace tandem::dataplane::testing
