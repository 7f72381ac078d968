#include "controlplane/media/dtls_handshake.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/srtp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <sys/time.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <string_view>
#include <utility>

#include "drivers/base/check.h"
#include "drivers/crypto/octets.h"

namespace tandem::media {
namespace {

using crypto::SrtpSuite;

// RFC 6347 §4.2.4.1 begins at a second, "lower values" being for who hasn't got the time: a person
// listens, and the first flight is often lost on a party whose description is still on its way.
// OpenSSL ends it after twelve.
constexpr unsigned kFirstRepeatUs = 200'000;
constexpr unsigned kLongestRepeatUs = 3'200'000;

unsigned next_repeat_us(SSL*, unsigned before_us) {
  return before_us == 0 ? kFirstRepeatUs : std::min(2 * before_us, kLongestRepeatUs);
}

struct ProfileSuite {
  unsigned long profile;
  SrtpSuite suite;
};
constexpr std::array kProfileSuites{
    ProfileSuite{SRTP_AES128_CM_SHA1_80, SrtpSuite::kAesCm128HmacSha1_80},
    ProfileSuite{SRTP_AES128_CM_SHA1_32, SrtpSuite::kAesCm128HmacSha1_32},
    ProfileSuite{SRTP_AEAD_AES_128_GCM, SrtpSuite::kAeadAes128Gcm},
    ProfileSuite{SRTP_AEAD_AES_256_GCM, SrtpSuite::kAeadAes256Gcm},
};

SrtpSuite agreed_suite(SSL* ssl) {
  const SRTP_PROTECTION_PROFILE* profile = SSL_get_selected_srtp_profile(ssl);
  if (profile == nullptr) return SrtpSuite::kNone;
  for (const ProfileSuite& one : kProfileSuites) {
    if (one.profile == profile->id) return one.suite;
  }
  return SrtpSuite::kNone;
}

const EVP_MD* digest_of(sdp::HashName hash) {
  switch (hash) {
    case sdp::HashName::kSha256:
      return EVP_sha256();
    case sdp::HashName::kSha384:
      return EVP_sha384();
    case sdp::HashName::kSha512:
      return EVP_sha512();
  }
  return nullptr;
}

}  // namespace

void SrtpKeys::wipe() {
  crypto::wipe(&in, sizeof in);
  crypto::wipe(&out, sizeof out);
}

struct DtlsHandshake::Ways {
  static DtlsHandshake& owner(BIO* bio) { return *static_cast<DtlsHandshake*>(BIO_get_data(bio)); }

  static int write(BIO* bio, const char* data, int size) {
    owner(bio).send_({reinterpret_cast<const std::byte*>(data), static_cast<std::size_t>(size)});
    return size;
  }
  // A whole datagram at a time, as a socket would have it.
  static int read(BIO* bio, char* data, int size) {
    BIO_clear_retry_flags(bio);
    const auto arrived = std::exchange(owner(bio).arrived_, {});
    if (arrived.empty()) {
      BIO_set_retry_read(bio);
      return -1;
    }
    const std::size_t count = std::min(arrived.size(), static_cast<std::size_t>(size));
    std::memcpy(data, arrived.data(), count);
    return static_cast<int>(count);
  }
  static long control(BIO*, int command, long, void*) {
    switch (command) {
      case BIO_CTRL_FLUSH:
        return 1;
      case BIO_CTRL_DGRAM_GET_FALLBACK_MTU:
      case BIO_CTRL_DGRAM_QUERY_MTU:
        return static_cast<long>(kMtu);
      default:
        return 0;
    }
  }
  static int create(BIO* bio) {
    BIO_set_init(bio, 1);
    return 1;
  }

  // One for the process, never given back.
  static BIO_METHOD* method() {
    static BIO_METHOD* const made = [] {
      BIO_METHOD* out = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "datagrams");
      CHECK(out != nullptr);
      BIO_meth_set_write(out, write);
      BIO_meth_set_read(out, read);
      BIO_meth_set_ctrl(out, control);
      BIO_meth_set_create(out, create);
      return out;
    }();
    return made;
  }
};

void DtlsHandshake::SslFree::operator()(ssl_st* ssl) const { SSL_free(ssl); }

DtlsHandshake::DtlsHandshake(const DtlsIdentity& identity, DtlsRole role,
                             std::vector<sdp::Fingerprint> expected, Sender send)
    : role_(role),
      expected_(std::move(expected)),
      send_(std::move(send)),
      ssl_(SSL_new(identity.context())) {
  BIO* bio = ssl_ ? BIO_new(Ways::method()) : nullptr;
  if (bio == nullptr) {
    state_ = State::kBroken;
    return;
  }
  SSL* ssl = ssl_.get();
  BIO_set_data(bio, this);
  SSL_set_bio(ssl, bio, bio);
  SSL_set_app_data(ssl, static_cast<DtlsVerifier*>(this));
  SSL_set_mtu(ssl, static_cast<long>(kMtu));
  DTLS_set_timer_cb(ssl, next_repeat_us);
  if (role == DtlsRole::kClient) {
    SSL_set_connect_state(ssl);
  } else {
    SSL_set_accept_state(ssl);
  }
}

DtlsHandshake::~DtlsHandshake() = default;

void DtlsHandshake::advance(Datagram datagram) {
  if (state_ != State::kRunning && state_ != State::kDone) return;
  arrived_ = datagram;
  ERR_clear_error();
  if (state_ == State::kRunning) shake();
  // What came with the last flight, or behind it.
  if (state_ == State::kDone) listen();
  arrived_ = {};
  ERR_clear_error();
}

void DtlsHandshake::shake() {
  const int result = SSL_do_handshake(ssl_.get());
  if (result != 1) return note_error(result);
  state_ = agreed_suite(ssl_.get()) == SrtpSuite::kNone ? State::kNoProfile : State::kDone;
  if (state_ == State::kDone && !export_keys()) state_ = State::kBroken;
}

// Data isn't what an association of SRTP is for: it is read and forgotten.
void DtlsHandshake::listen() {
  std::array<char, kMtu> ignored;
  int result;
  do {
    result = SSL_read(ssl_.get(), ignored.data(), static_cast<int>(ignored.size()));
  } while (result > 0);
  if (SSL_get_error(ssl_.get(), result) != SSL_ERROR_WANT_READ) state_ = State::kClosed;
}

void DtlsHandshake::note_error(int result) {
  const int error = SSL_get_error(ssl_.get(), result);
  if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) return;
  const int reason = ERR_GET_REASON(ERR_peek_last_error());
  if (mismatch_) {
    state_ = State::kMismatch;
  } else if (reason == SSL_R_READ_TIMEOUT_EXPIRED) {
    state_ = State::kUnanswered;
  } else {
    state_ = State::kBroken;
  }
}

std::optional<base::Nanos> DtlsHandshake::due() const {
  timeval left{};
  if (state_ != State::kRunning || DTLSv1_get_timeout(ssl_.get(), &left) != 1) return std::nullopt;
  return base::Seconds{left.tv_sec} + base::Nanos{1000 * left.tv_usec};
}

void DtlsHandshake::repeat() {
  if (state_ != State::kRunning) return;
  ERR_clear_error();
  const int result = static_cast<int>(DTLSv1_handle_timeout(ssl_.get()));
  if (result < 0) note_error(result);
  ERR_clear_error();
}

// RFC 5764 §4.2: both keys, then both salts, the client's first.
bool DtlsHandshake::export_keys() {
  constexpr std::string_view kLabel = "EXTRACTOR-dtls_srtp";
  const SrtpSuite suite = agreed_suite(ssl_.get());
  const auto& facts = crypto::facts_of(suite);
  std::array<std::uint8_t, 2 * (crypto::kSrtpKeyMax + crypto::kSrtpSaltMax)> octets;
  const std::size_t size = 2u * (facts.key + facts.salt);
  const bool exported = SSL_export_keying_material(ssl_.get(), octets.data(), size, kLabel.data(),
                                                   kLabel.size(), nullptr, 0, 0) == 1;
  if (exported) {
    const bool client = role_ == DtlsRole::kClient;
    wire::SrtpKeying& clients = client ? keys_.out : keys_.in;
    wire::SrtpKeying& servers = client ? keys_.in : keys_.out;
    const std::uint8_t* at = octets.data();
    std::copy_n(at, facts.key, clients.key.begin());
    std::copy_n(at += facts.key, facts.key, servers.key.begin());
    std::copy_n(at += facts.key, facts.salt, clients.salt.begin());
    std::copy_n(at += facts.salt, facts.salt, servers.salt.begin());
    keys_.suite = suite;
  }
  crypto::wipe(octets.data(), octets.size());
  return exported;
}

bool DtlsHandshake::accepts(const X509& certificate) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest;
  const bool named =
      std::any_of(expected_.begin(), expected_.end(), [&](const sdp::Fingerprint& one) {
        unsigned size = 0;
        return X509_digest(&certificate, digest_of(one.hash), digest.data(), &size) == 1 &&
               size == one.octets.size() &&
               std::equal(one.octets.begin(), one.octets.end(), digest.begin());
      });
  mismatch_ |= !named;
  return named;
}

}  // namespace tandem::media
