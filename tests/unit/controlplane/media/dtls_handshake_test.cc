// Two of ours shake hands over a channel that loses, repeats and mixes up; then peers of OpenSSL's
// own that aren't who they should be, or don't speak what we do.
#include "controlplane/media/dtls_handshake.h"

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/srtp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <deque>
#include <set>
#include <string>
#include <thread>

#include "drivers/base/random.h"

namespace tandem::media {
namespace {

using State = DtlsHandshake::State;
using Octets = std::vector<std::byte>;
using enum DtlsRole;

// How many parts of a hundred are lost on the way; the others may come twice, or late.
struct Weather {
  std::uint64_t lost = 0;
  std::uint64_t twice = 0;
  std::uint64_t late = 0;
};

class DtlsHandshakeTest : public ::testing::Test {
 protected:
  struct Party {
    Party(const DtlsIdentity& identity, DtlsRole role, std::vector<sdp::Fingerprint> expected)
        : handshake(identity, role, std::move(expected),
                    [this](DtlsHandshake::Datagram datagram) { say(datagram); }) {}
    void say(DtlsHandshake::Datagram datagram) {
      EXPECT_LE(datagram.size(), DtlsHandshake::kMtu);
      said.emplace_back(datagram.begin(), datagram.end());
      ++datagrams;
    }

    std::deque<Octets> said;
    int datagrams = 0;
    DtlsHandshake handshake;
  };

  static DtlsIdentity identity() { return DtlsIdentity::make().value(); }

  bool falls(std::uint64_t percent) { return random_.next() % 100 < percent; }
  void carry(Party& from, Party& to, const Weather& weather) {
    for (std::size_t left = from.said.size(); left > 0; --left) {
      Octets datagram = std::move(from.said.front());
      from.said.pop_front();
      if (falls(weather.lost)) continue;
      if (falls(weather.late)) {
        from.said.push_back(std::move(datagram));
        continue;
      }
      to.handshake.take(datagram);
      if (falls(weather.twice)) to.handshake.take(datagram);
    }
  }
  static bool done(const Party& party) { return party.handshake.state() != State::kRunning; }
  // Until both are done, or a time has passed in which they could have been.
  void shake(Party& client, Party& server, const Weather& weather = {}) {
    client.handshake.begin();
    const auto end = base::monotonic_now() + base::Seconds{40};
    while ((!done(client) || !done(server)) && base::monotonic_now() < end) {
      carry(client, server, weather);
      carry(server, client, weather);
      if (!client.said.empty() || !server.said.empty()) continue;
      // A server that is done answers a client that isn't and says so again.
      for (Party* party : {&client, &server}) {
        if (const auto due = party->handshake.due()) {
          std::this_thread::sleep_for(std::min(*due, base::Nanos{base::Millis{5}}));
          party->handshake.repeat();
        }
      }
    }
  }
  static void expect_matched(const Party& a, const Party& b) {
    ASSERT_EQ(a.handshake.state(), State::kDone);
    ASSERT_EQ(b.handshake.state(), State::kDone);
    const SrtpKeys& ours = a.handshake.keys();
    const SrtpKeys& theirs = b.handshake.keys();
    EXPECT_NE(ours.suite, crypto::SrtpSuite::kNone);
    EXPECT_EQ(ours.suite, theirs.suite);
    EXPECT_EQ(ours.in, theirs.out);
    EXPECT_EQ(ours.out, theirs.in);
    EXPECT_NE(ours.in, ours.out);
  }

  base::SeededRandom random_{11};
  DtlsIdentity a_ = identity();
  DtlsIdentity b_ = identity();
};

TEST_F(DtlsHandshakeTest, BothEndsHaveTheSameKeys) {
  Party client(a_, kClient, {b_.fingerprint()});
  Party server(b_, kServer, {a_.fingerprint()});
  shake(client, server);
  expect_matched(client, server);
  EXPECT_EQ(client.handshake.keys().suite, crypto::SrtpSuite::kAesCm128HmacSha1_80);
  EXPECT_FALSE(client.handshake.due() || server.handshake.due());
}

TEST_F(DtlsHandshakeTest, EachAssociationHasOtherKeys) {
  std::set<std::string> seen;
  for (int round = 0; round < 5; ++round) {
    Party client(a_, kClient, {b_.fingerprint()});
    Party server(b_, kServer, {a_.fingerprint()});
    shake(client, server);
    expect_matched(client, server);
    const auto& keys = client.handshake.keys();
    for (const auto* one : {&keys.in, &keys.out}) {
      EXPECT_TRUE(seen.emplace(one->key.begin(), one->key.begin() + 16).second);
    }
  }
}

TEST_F(DtlsHandshakeTest, ComesThroughBadWeather) {
  for (const Weather& weather : {Weather{.lost = 30}, Weather{.twice = 60}, Weather{.late = 40},
                                 Weather{.lost = 20, .twice = 20, .late = 20}}) {
    Party client(a_, kClient, {b_.fingerprint()});
    Party server(b_, kServer, {a_.fingerprint()});
    shake(client, server, weather);
    expect_matched(client, server);
  }
}

// The server's last flight is lost, and it is done: only the client's question brings it again.
TEST_F(DtlsHandshakeTest, ALastFlightThatWasLostIsSaidAgain) {
  Party client(a_, kClient, {b_.fingerprint()});
  Party server(b_, kServer, {a_.fingerprint()});
  client.handshake.begin();
  while (!done(server)) {
    carry(client, server, {});
    if (!done(server)) carry(server, client, {});
  }
  server.said.clear();
  ASSERT_FALSE(done(client));
  shake(client, server);
  expect_matched(client, server);
}

TEST_F(DtlsHandshakeTest, AnyOfSeveralFingerprintsWillDo) {
  const DtlsIdentity other = identity();
  Party client(a_, kClient, {other.fingerprint(), b_.fingerprint()});
  Party server(b_, kServer, {a_.fingerprint(), other.fingerprint()});
  shake(client, server);
  expect_matched(client, server);
}

TEST_F(DtlsHandshakeTest, AnotherCertificateThanWasNamedIsRefusedByEitherEnd) {
  const DtlsIdentity other = identity();
  {
    Party client(a_, kClient, {other.fingerprint()});
    Party server(b_, kServer, {a_.fingerprint()});
    shake(client, server);
    EXPECT_EQ(client.handshake.state(), State::kMismatch);
    EXPECT_EQ(server.handshake.state(), State::kBroken) << "it was told by an alert";
  }
  {
    Party client(a_, kClient, {b_.fingerprint()});
    Party server(b_, kServer, {other.fingerprint()});
    shake(client, server);
    EXPECT_EQ(server.handshake.state(), State::kMismatch);
    EXPECT_EQ(client.handshake.state(), State::kBroken);
  }
  Party client(a_, kClient, {});
  Party server(b_, kServer, {});
  shake(client, server);
  EXPECT_EQ(client.handshake.state(), State::kMismatch) << "nothing was named";
}

TEST_F(DtlsHandshakeTest, WithoutAnAnswerItEnds) {
  Party client(a_, kClient, {b_.fingerprint()});
  client.handshake.begin();
  const auto first = client.handshake.due();
  ASSERT_TRUE(first);
  EXPECT_LE(*first, base::Millis{200});
  EXPECT_GT(*first, base::Millis{100});
  client.handshake.repeat();
  EXPECT_EQ(client.datagrams, 1) << "not before its time";
  Party server(b_, kServer, {a_.fingerprint()});
  EXPECT_FALSE(server.handshake.due()) << "who waits says nothing";
}

TEST_F(DtlsHandshakeTest, GarbageChangesNothing) {
  Party client(a_, kClient, {b_.fingerprint()});
  Party server(b_, kServer, {a_.fingerprint()});
  const auto garble = [this](Party& party) {
    for (int i = 0; i < 50; ++i) {
      Octets junk(random_.next() % 80);
      for (std::byte& octet : junk) octet = static_cast<std::byte>(random_.next());
      if (!junk.empty()) junk[0] = static_cast<std::byte>(20 + random_.next() % 44);
      party.handshake.take(junk);
    }
  };
  garble(server);
  garble(client);
  shake(client, server);
  expect_matched(client, server);
  const wire::SrtpKeying before = server.handshake.keys().in;
  garble(server);
  garble(client);
  EXPECT_EQ(server.handshake.keys().in, before);
  expect_matched(client, server);
}

// --- peers that aren't ours
// ------------------------------------------------------------------------

// OpenSSL by itself, with memory for datagrams, one at a time each way.
class Peer {
 public:
  Peer(const DtlsIdentity& like, const char* profiles, int version = 0, bool shows = true)
      : context_(SSL_CTX_new(DTLS_method())) {
    SSL_CTX_set_options(context_, SSL_OP_NO_QUERY_MTU);
    if (shows) {
      SSL_CTX_use_certificate(context_, SSL_CTX_get0_certificate(like.context()));
      SSL_CTX_use_PrivateKey(context_, SSL_CTX_get0_privatekey(like.context()));
    }
    if (version != 0) {
      SSL_CTX_set_security_level(context_, 0);
      SSL_CTX_set_max_proto_version(context_, version);
    }
    if (profiles != nullptr) SSL_CTX_set_tlsext_use_srtp(context_, profiles);
    ssl_ = SSL_new(context_);
    BIO* in = BIO_new(BIO_s_mem());
    BIO* out = BIO_new(BIO_s_mem());
    BIO_set_mem_eof_return(in, -1);
    BIO_set_mem_eof_return(out, -1);
    SSL_set_bio(ssl_, in, out);
    SSL_set_mtu(ssl_, 1200);
  }
  ~Peer() {
    SSL_free(ssl_);
    SSL_CTX_free(context_);
  }
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;

  void connect() {
    SSL_set_connect_state(ssl_);
    SSL_do_handshake(ssl_);
  }
  void accept() { SSL_set_accept_state(ssl_); }
  void take(const Octets& datagram) {
    BIO_write(SSL_get_rbio(ssl_), datagram.data(), static_cast<int>(datagram.size()));
    SSL_do_handshake(ssl_);
  }
  // What it says, records after one another: as good as one datagram.
  Octets said() {
    Octets out(8192);
    const int size = BIO_read(SSL_get_wbio(ssl_), out.data(), static_cast<int>(out.size()));
    out.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
    return out;
  }
  SSL* ssl() { return ssl_; }

 private:
  SSL_CTX* context_;
  SSL* ssl_;
};

class DtlsPeerTest : public DtlsHandshakeTest {
 protected:
  void exchange(Peer& peer, Party& ours) {
    for (int round = 0; round < 20; ++round) {
      const Octets said = peer.said();
      if (!said.empty()) ours.handshake.take(said);
      while (!ours.said.empty()) {
        peer.take(ours.said.front());
        ours.said.pop_front();
      }
    }
  }
};

TEST_F(DtlsPeerTest, EveryProfileThatItMayAskFor) {
  const std::pair<const char*, crypto::SrtpSuite> profiles[] = {
      {"SRTP_AES128_CM_SHA1_80", crypto::SrtpSuite::kAesCm128HmacSha1_80},
      {"SRTP_AES128_CM_SHA1_32", crypto::SrtpSuite::kAesCm128HmacSha1_32},
      {"SRTP_AEAD_AES_128_GCM", crypto::SrtpSuite::kAeadAes128Gcm},
      {"SRTP_AEAD_AES_256_GCM", crypto::SrtpSuite::kAeadAes256Gcm},
  };
  for (const auto& [name, suite] : profiles) {
    for (const DtlsRole role : {kServer, kClient}) {
      Peer peer(a_, name);
      Party ours(b_, role, {a_.fingerprint()});
      role == kServer ? peer.connect() : peer.accept();
      if (role == kClient) ours.handshake.begin();
      exchange(peer, ours);
      ASSERT_EQ(ours.handshake.state(), State::kDone) << name;
      const SrtpKeys& keys = ours.handshake.keys();
      EXPECT_EQ(keys.suite, suite);
      // RFC 5764 §4.2, by the peer's own exporter.
      const auto& facts = crypto::facts_of(suite);
      std::vector<std::uint8_t> theirs(2u * (facts.key + facts.salt));
      ASSERT_EQ(SSL_export_keying_material(peer.ssl(), theirs.data(), theirs.size(),
                                           "EXTRACTOR-dtls_srtp", 19, nullptr, 0, 0),
                1);
      const auto& clients = role == kServer ? keys.in : keys.out;
      const auto& servers = role == kServer ? keys.out : keys.in;
      EXPECT_TRUE(std::equal(clients.key.begin(), clients.key.begin() + facts.key, theirs.begin()));
      EXPECT_TRUE(std::equal(servers.key.begin(), servers.key.begin() + facts.key,
                             theirs.begin() + facts.key));
      EXPECT_TRUE(std::equal(clients.salt.begin(), clients.salt.begin() + facts.salt,
                             theirs.begin() + 2 * facts.key));
      EXPECT_TRUE(std::equal(servers.salt.begin(), servers.salt.begin() + facts.salt,
                             theirs.begin() + 2 * facts.key + facts.salt));
    }
  }
}

TEST_F(DtlsPeerTest, WithoutSrtpThereAreNoKeys) {
  Peer peer(a_, nullptr);
  Party ours(b_, kServer, {a_.fingerprint()});
  peer.connect();
  exchange(peer, ours);
  EXPECT_EQ(ours.handshake.state(), State::kNoProfile);
  EXPECT_EQ(ours.handshake.keys().suite, crypto::SrtpSuite::kNone);
}

TEST_F(DtlsPeerTest, Dtls10IsRefused) {
  Peer peer(a_, "SRTP_AES128_CM_SHA1_80", DTLS1_VERSION);
  Party ours(b_, kServer, {a_.fingerprint()});
  peer.connect();
  exchange(peer, ours);
  EXPECT_EQ(ours.handshake.state(), State::kBroken);
}

TEST_F(DtlsPeerTest, AClientWithoutACertificateIsNobody) {
  Peer peer(a_, "SRTP_AES128_CM_SHA1_80", 0, false);
  Party ours(b_, kServer, {a_.fingerprint()});
  peer.connect();
  exchange(peer, ours);
  EXPECT_EQ(ours.handshake.state(), State::kBroken);
}

TEST_F(DtlsPeerTest, DataIsForgottenAndAGoodbyeIsHeard) {
  Peer peer(a_, "SRTP_AES128_CM_SHA1_80");
  Party ours(b_, kServer, {a_.fingerprint()});
  peer.connect();
  exchange(peer, ours);
  SSL_write(peer.ssl(), "voice?", 6);
  exchange(peer, ours);
  EXPECT_EQ(ours.handshake.state(), State::kDone);
  SSL_shutdown(peer.ssl());
  exchange(peer, ours);
  EXPECT_EQ(ours.handshake.state(), State::kClosed);
}

}  // namespace
}  // namespace tandem::media
