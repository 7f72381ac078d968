// Commands by the operator's hand: tandemctl's end of a real control socket, and the socket, on a
// loop with a thread of its own.
#pragma once

#include <gtest/gtest.h>

#include <optional>
#include <sstream>
#include <string>
#include <thread>

#include "controlplane/admin/control_client.h"
#include "controlplane/admin/control_socket.h"
#include "controlplane/admin/file_import.h"
#include "tests/unit/drivers/base/temp_folder.h"

namespace tandem::admin {

using Outcome = ControlClient::Outcome;

class CommandDoorTest : public ::testing::Test {
 protected:
  CommandDoorTest() { EXPECT_TRUE(loop.open().ok()); }
  ~CommandDoorTest() override { close_door(); }

  // `commands` lives until close_door(): call that before it goes.
  template <typename Commands>
  void open_door(Commands& commands) {
    door.emplace(loop, [&](const std::string& command, const Json& args, const Answer& answer) {
      if (!commands.run(command, args, answer)) answer(base::error("not here: " + command));
    });
    EXPECT_TRUE(door->open(path).ok());
    thread = std::thread([this] { loop.run(); });
  }
  void close_door() {
    if (!thread.joinable()) return;
    loop.post([this] { loop.stop(); });
    thread.join();
  }

  Json done(const std::string& command, const Json& args = Json::object()) {
    Outcome outcome = client.ask(command, args);
    EXPECT_EQ(outcome.kind, Outcome::Kind::kDone) << outcome.error;
    return outcome.result;
  }
  std::string refused(const std::string& command, const Json& args = Json::object()) {
    const Outcome outcome = client.ask(command, args);
    EXPECT_EQ(outcome.kind, Outcome::Kind::kRefused) << outcome.result;
    return outcome.error;
  }
  Outcome import(const std::string& what, const Json& begin, const std::string& text) {
    std::istringstream file(text);
    return import_file(client, what, begin, file);
  }

  test::TempFolder folder;
  const std::string path = folder.path("control.sock");
  loop::EventLoop loop;
  std::optional<ControlSocket> door;
  ControlClient client{path};
  std::thread thread;
};

}  // namespace tandem::admin
