#include "controlplane/admin/control_client.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>

namespace tandem::admin {

ControlClient::~ControlClient() {
  if (fd_ >= 0) close(fd_);
}

bool ControlClient::connect() {
  if (fd_ >= 0) return true;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path_.size() >= sizeof address.sun_path) return false;
  std::memcpy(address.sun_path, path_.c_str(), path_.size() + 1);
  fd_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  return ::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
}

bool ControlClient::exchange(const std::string& line, base::Seconds patience, std::string& reply) {
  const timeval wait{static_cast<time_t>(patience.count()), 0};
  setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
  std::size_t sent = 0;
  while (sent < line.size()) {
    const ssize_t wrote = send(fd_, line.data() + sent, line.size() - sent, MSG_NOSIGNAL);
    if (wrote <= 0) return false;
    sent += static_cast<std::size_t>(wrote);
  }
  char buffer[65536];
  do {
    const ssize_t got = read(fd_, buffer, sizeof buffer);
    if (got <= 0) return false;
    reply.append(buffer, static_cast<std::size_t>(got));
  } while (reply.back() != '\n');
  return true;
}

ControlClient::Outcome ControlClient::ask(const std::string& command, const Json& args,
                                          base::Seconds patience) {
  using Kind = Outcome::Kind;
  const Json request = {{"v", 1}, {"id", 1}, {"command", command}, {"args", args}};
  std::string text;
  const std::string line = request.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
  if (!connect() || !exchange(line, patience, text)) {
    return {.kind = Kind::kUnreachable,
            .error = "no answer at " + path_ +
                     ": is tandem-controlplane running, and may you open its socket?"};
  }
  Json reply = Json::parse(text, nullptr, false);
  if (reply.is_object() && reply.value("ok", false)) {
    return {.kind = Kind::kDone, .result = std::move(reply["result"])};
  }
  const bool understood =
      reply.is_object() && reply.contains("error") && reply["error"].is_string();
  return {.kind = Kind::kRefused,
          .error = understood ? reply["error"].get<std::string>() : "a reply that is no JSON"};
}

}  // namespace tandem::admin
