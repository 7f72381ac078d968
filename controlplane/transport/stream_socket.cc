#include "controlplane/transport/stream_socket.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace tandem::transport {
namespace {

// What one TLS record or one system call may carry.
constexpr std::size_t kPieceMax = 64 * 1024;

Io plain_outcome(ssize_t result) {
  if (result > 0) return Io::kDone;
  if (result == 0) return Io::kEnd;
  return errno == EAGAIN || errno == EINTR ? Io::kWait : Io::kBroken;
}

}  // namespace

StreamSocket::StreamSocket(StreamSocket&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), ssl_(std::move(other.ssl_)) {}

StreamSocket::~StreamSocket() {
  if (fd_ < 0) return;
  if (ssl_) {
    SSL_shutdown(ssl_.get());  // close_notify, if it can leave; nobody waits for the answer
    ERR_clear_error();
  }
  close(fd_);
}

int StreamSocket::connect_result() const {
  int fault = 0;
  socklen_t length = sizeof fault;
  return getsockopt(fd_, SOL_SOCKET, SO_ERROR, &fault, &length) == 0 ? fault : errno;
}

Io StreamSocket::outcome_of(int result) {
  const int why = SSL_get_error(ssl_.get(), result);
  wants_write_ = why == SSL_ERROR_WANT_WRITE;
  if (result > 0) return Io::kDone;
  if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE) return Io::kWait;
  ERR_clear_error();
  return why == SSL_ERROR_ZERO_RETURN ? Io::kEnd : Io::kBroken;
}

Io StreamSocket::shake_hands() {
  if (!ssl_) return Io::kDone;
  ERR_clear_error();
  return outcome_of(SSL_do_handshake(ssl_.get()));
}

IoResult StreamSocket::read(std::span<char> into) {
  if (ssl_) {
    ERR_clear_error();
    std::size_t got = 0;
    const Io io = outcome_of(SSL_read_ex(ssl_.get(), into.data(), into.size(), &got));
    return {io, got};
  }
  const ssize_t got = recv(fd_, into.data(), into.size(), 0);
  return {plain_outcome(got), got > 0 ? static_cast<std::size_t>(got) : 0};
}

IoResult StreamSocket::write(std::string_view from) {
  from = from.substr(0, kPieceMax);
  if (ssl_) {
    ERR_clear_error();
    std::size_t put = 0;
    const Io io = outcome_of(SSL_write_ex(ssl_.get(), from.data(), from.size(), &put));
    return {io == Io::kEnd ? Io::kBroken : io, put};
  }
  const ssize_t put = ::send(fd_, from.data(), from.size(), MSG_NOSIGNAL);
  return {plain_outcome(put), put > 0 ? static_cast<std::size_t>(put) : 0};
}

}  // namespace tandem::transport
