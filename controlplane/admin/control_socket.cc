#include "controlplane/admin/control_socket.h"

#include <fmt/format.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <optional>
#include <string_view>

namespace tandem::admin {
namespace {

std::optional<sockaddr_un> address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path) return std::nullopt;
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  return address;
}

// Nested beyond any command's need: JSON is copied and written recursively, and a stack has an end.
bool nests_too_deep(std::string_view line) {
  constexpr int kNestingMax = 64;
  int depth = 0;
  bool in_text = false;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    if (in_text && c == '\\')
      ++i;
    else if (c == '"')
      in_text = !in_text;
    else if (in_text)
      continue;
    else if ((c == '[' || c == '{') && ++depth > kNestingMax)
      return true;
    else if (c == ']' || c == '}')
      --depth;
  }
  return false;
}

bool somebody_listens(const sockaddr_un& address) {
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return false;
  // A full backlog (EAGAIN) is somebody too.
  const bool answered =
      connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 ||
      errno == EAGAIN;
  close(fd);
  return answered;
}

}  // namespace

ControlSocket::ControlSocket(loop::EventLoop& loop, CommandHandler handler)
    : loop_(loop), handler_(std::move(handler)) {}

ControlSocket::~ControlSocket() {
  while (!clients_.empty()) drop(clients_.begin()->first);
  if (listener_ < 0) return;
  loop_.forget(listener_);
  close(listener_);
  unlink(path_.c_str());
}

base::Result<void> ControlSocket::open(const std::string& path) {
  const auto fault = [&](const char* what) {
    return base::error(fmt::format("control socket {}: {}: {}", path, what, std::strerror(errno)));
  };
  const auto address = address_of(path);
  if (!address) return base::error("control socket " + path + ": the path is too long");
  std::error_code ignored;
  std::filesystem::create_directories(std::filesystem::path(path).parent_path(), ignored);
  if (somebody_listens(*address)) {
    return base::error("control socket " + path + ": another control plane listens there");
  }
  // Only a socket that nobody listens on: any other file there is a slip of the pen, not ours.
  struct stat found {};
  if (lstat(path.c_str(), &found) == 0 && S_ISSOCK(found.st_mode)) unlink(path.c_str());
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return fault("socket");
  const mode_t before = umask(0117);  // rw for owner and group, from the first moment
  const int bound = bind(fd, reinterpret_cast<const sockaddr*>(&*address), sizeof *address);
  const int bind_fault = errno;
  umask(before);
  if (bound != 0 || listen(fd, 16) != 0) {
    if (bound != 0) errno = bind_fault;
    const auto error = fault("bind");
    close(fd);
    return error;
  }
  path_ = path;
  listener_ = fd;
  loop_.watch(fd, EPOLLIN, [this](std::uint32_t) { accept_clients(); });
  return {};
}

void ControlSocket::accept_clients() {
  for (;;) {
    const int fd = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0) {
      // No descriptors left: the listener would be ready for ever. drop() looks at it again.
      if (errno == EMFILE || errno == ENFILE) loop_.change(listener_, 0);
      return;
    }
    if (clients_.size() == kClientsMax) {
      close(fd);
      continue;
    }
    const std::uint64_t id = ++next_client_;
    clients_.emplace(id, Client{fd, {}, {}, 0, false});
    loop_.watch(fd, EPOLLIN, [this, id](std::uint32_t events) { ready(id, events); });
  }
}

void ControlSocket::ready(std::uint64_t id, std::uint32_t events) {
  if (events & EPOLLOUT) flush(id);
  if (events & EPOLLERR) {
    drop(id);
  } else if (events & EPOLLIN) {
    read_requests(id);
  } else if (events & EPOLLHUP) {
    drop(id);
  }
}

void ControlSocket::read_requests(std::uint64_t id) {
  const auto found = clients_.find(id);
  if (found == clients_.end()) return;
  char buffer[16384];
  const ssize_t got = read(found->second.fd, buffer, sizeof buffer);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got < 0) {
    drop(id);
    return;
  }
  if (got == 0) {
    found->second.half_closed = true;
    if (found->second.owed == 0 && found->second.out.empty()) {
      drop(id);
    } else {
      watch_for(found->second);
    }
    return;
  }
  found->second.in.append(buffer, static_cast<std::size_t>(got));
  for (;;) {
    const auto client = clients_.find(id);  // an answer may have let go of it
    if (client == clients_.end()) return;
    std::string& in = client->second.in;
    const auto end = in.find('\n');
    if (end == std::string::npos) {
      if (in.size() > kRequestBytesMax) drop(id);
      return;
    }
    const std::string line = in.substr(0, end);
    in.erase(0, end + 1);
    serve(id, line);
  }
}

void ControlSocket::serve(std::uint64_t client, const std::string& line) {
  ++clients_.at(client).owed;
  const Json request = nests_too_deep(line) ? Json() : Json::parse(line, nullptr, false);
  Json id = nullptr;
  if (request.is_object() && request.contains("id")) id = request["id"];
  const auto refuse = [&](const char* why) {
    reply(client, {{"v", 1}, {"id", id}, {"ok", false}, {"error", why}});
  };
  if (!request.is_object()) return refuse("the request is not a JSON object");
  if (request.value("v", Json(1)) != 1) return refuse("only version 1 is spoken here");
  if (!request.contains("command") || !request["command"].is_string()) {
    return refuse("\"command\" must be a text");
  }
  const Json args = request.value("args", Json::object());
  if (!args.is_object()) return refuse("\"args\" must be an object");
  handler_(request["command"].get<std::string>(), args,
           [this, client, id](base::Result<Json> result) {
             if (result) {
               reply(client, {{"v", 1}, {"id", id}, {"ok", true}, {"result", *result}});
             } else {
               reply(client, {{"v", 1}, {"id", id}, {"ok", false}, {"error", result.error_text()}});
             }
           });
}

void ControlSocket::reply(std::uint64_t id, const Json& reply) {
  const auto found = clients_.find(id);
  if (found == clients_.end()) return;
  --found->second.owed;
  found->second.out += reply.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
  flush(id);
}

void ControlSocket::flush(std::uint64_t id) {
  const auto found = clients_.find(id);
  if (found == clients_.end()) return;
  Client& client = found->second;
  while (!client.out.empty()) {
    const ssize_t wrote = write(client.fd, client.out.data(), client.out.size());
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0 && errno != EAGAIN) {
      drop(id);
      return;
    }
    if (wrote < 0) break;
    client.out.erase(0, static_cast<std::size_t>(wrote));
  }
  if (client.out.size() > kUnreadBytesMax) {
    drop(id);
    return;
  }
  if (client.half_closed && client.owed == 0 && client.out.empty()) {
    drop(id);
    return;
  }
  watch_for(client);
}

void ControlSocket::watch_for(const Client& client) {
  loop_.change(client.fd, (client.half_closed ? 0u : EPOLLIN) |
                              (client.out.empty() ? 0u : static_cast<std::uint32_t>(EPOLLOUT)));
}

void ControlSocket::drop(std::uint64_t id) {
  const auto found = clients_.find(id);
  if (found == clients_.end()) return;
  loop_.forget(found->second.fd);
  close(found->second.fd);
  clients_.erase(found);
  if (listener_ >= 0) loop_.change(listener_, EPOLLIN);
}

}  // namespace tandem::admin
