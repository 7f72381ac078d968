// The operator's door: a Unix socket with newline-delimited JSON.
//
//   request   {"v":1, "id":ANY, "command":"show calls", "args":{…}}
//   reply     {"v":1, "id":ANY, "ok":true, "result":{…}}
//             {"v":1, "id":ANY, "ok":false, "error":"a sentence"}
//
// Replies come in the order of their completion; `id` says which is which. Everything is bounded:
// clients, request length, unread output; a client beyond a bound is let go of and hurts nobody.
// Who may open the socket is said by its file permissions (owner and group). Owner: the main
// thread.
#pragma once

#include <cstdint>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <unordered_map>

#include "controlplane/loop/event_loop.h"
#include "drivers/base/result.h"

namespace tandem::admin {

using Json = nlohmann::ordered_json;

// Called at most once, on the main thread, at once or later.
using Answer = std::function<void(base::Result<Json>)>;
using CommandHandler =
    std::function<void(const std::string& command, const Json& args, Answer answer)>;

class ControlSocket {
 public:
  static constexpr std::size_t kClientsMax = 64;
  static constexpr std::size_t kRequestBytesMax = 64 * 1024;
  static constexpr std::size_t kUnreadBytesMax = 64 * 1024 * 1024;

  ControlSocket(loop::EventLoop& loop, CommandHandler handler);
  ~ControlSocket();
  ControlSocket(const ControlSocket&) = delete;
  ControlSocket& operator=(const ControlSocket&) = delete;

  // Takes over the path of a process that is gone; fails when one still listens there.
  base::Result<void> open(const std::string& path);

 private:
  struct Client {
    int fd;
    std::string in;
    std::string out;
    std::uint32_t owed = 0;    // requests not yet answered
    bool half_closed = false;  // asked all it wanted to ask
  };

  void accept_clients();
  void ready(std::uint64_t client, std::uint32_t events);
  void read_requests(std::uint64_t id);
  void serve(std::uint64_t id, const std::string& line);
  void reply(std::uint64_t id, const Json& reply);
  void flush(std::uint64_t id);
  void drop(std::uint64_t id);
  void watch_for(const Client& client);

  loop::EventLoop& loop_;
  CommandHandler handler_;
  std::string path_;
  int listener_ = -1;
  std::uint64_t next_client_ = 0;
  std::unordered_map<std::uint64_t, Client> clients_;
};

}  // namespace tandem::admin
