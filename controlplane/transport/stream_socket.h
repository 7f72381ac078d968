// A connected socket of bytes, plain or with TLS over it. Never blocks. Owner: one thread.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "controlplane/transport/tls_context.h"

namespace tandem::transport {

enum class Io : std::uint8_t {
  kDone,  // `bytes` were moved
  kWait,  // not now: the socket will tell
  kEnd,   // the peer has closed in good order
  kBroken,
};

struct IoResult {
  Io io;
  std::size_t bytes = 0;
};

class StreamSocket {
 public:
  // Takes the descriptor. `ssl` empty: plain.
  StreamSocket(int fd, Ssl ssl) : fd_(fd), ssl_(std::move(ssl)) {}
  StreamSocket(StreamSocket&& other) noexcept;
  StreamSocket& operator=(StreamSocket&&) = delete;
  ~StreamSocket();

  int fd() const { return fd_; }
  bool secure() const { return ssl_ != nullptr; }
  // How a connect() ended: 0, or its errno.
  int connect_result() const;
  // kDone at the end of the TLS handshake; at once for a plain socket.
  Io shake_hands();
  IoResult read(std::span<char> into);
  IoResult write(std::string_view from);
  // Reading or the handshake can go on only when the socket can be written.
  bool wants_write() const { return wants_write_; }

 private:
  Io outcome_of(int result);

  int fd_;
  Ssl ssl_;
  bool wants_write_ = false;
};

}  // namespace tandem::transport
