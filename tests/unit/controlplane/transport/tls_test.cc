// TLS between two of our own transports, with certificates made for the test.
#include <cstdlib>
#include <filesystem>

#include "tests/unit/controlplane/transport/streams_fixture.h"

namespace tandem::transport {
namespace {

using base::Protocol;
using base::Seconds;
using test::sip_message;
using test::TcpPeer;
using wire::Counter;

// A certification authority, a certificate for a name, and one for an address.
class Certificates {
 public:
  Certificates() {
    std::filesystem::create_directories(folder);
    run("openssl ecparam -name prime256v1 -genkey -noout -out ca.key");
    run("openssl req -x509 -new -key ca.key -subj /CN=test-ca -days 2 -out ca.pem");
    make("named", "DNS:sip.example.net");
    make("addressed", "IP:127.0.0.1");
  }
  ~Certificates() { std::filesystem::remove_all(folder); }
  config::Tls of(const std::string& name, config::TlsVerify verify) const {
    return {folder + "/" + name + ".pem", folder + "/" + name + ".key", folder + "/ca.pem", verify};
  }

 private:
  void run(const std::string& command) {
    const auto line = "cd " + folder + " && " + command + " 2>/dev/null";
    EXPECT_EQ(std::system(line.c_str()), 0) << command;
  }
  void make(const std::string& name, const std::string& alternative) {
    run("openssl ecparam -name prime256v1 -genkey -noout -out " + name + ".key");
    run("openssl req -new -key " + name + ".key -subj /CN=" + name + " -out " + name + ".csr");
    run("echo subjectAltName=" + alternative + " > " + name + ".ext");
    run("openssl x509 -req -in " + name +
        ".csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 "
        "-extfile " +
        name + ".ext -out " + name + ".pem");
  }
  const std::string folder = "/tmp/tandem-test-tls-" + std::to_string(getpid());
};

// `streams` calls, `far` is called; both live in one loop.
class TlsTest : public test::StreamsTest {
 protected:
  static void SetUpTestSuite() { certificates = new Certificates(); }
  static void TearDownTestSuite() { delete certificates; }

  // Both begin to listen; the far end shows the certificate `name`.
  void begin(const std::string& name, config::TlsVerify ours, config::TlsVerify theirs) {
    listen(Protocol::kTls, certificates->of("addressed", ours));
    ASSERT_TRUE(far.open({"far", Protocol::kTls, there, 0, certificates->of(name, theirs)}).ok());
    far_heard.streams = &far;
  }
  bool both_until(const std::function<bool()>& done) {
    return turn_until([&] {
      far.flush();
      return done();
    });
  }

  static Certificates* certificates;
  const base::Endpoint there = test::free_endpoint(SOCK_STREAM);
  test::StreamHeard far_heard;
  wire::CounterBlock far_counters;
  Streams far{{.watch = loop.sockets(),
               .wheel = loop.wheel(),
               .counters = far_counters,
               .listener = far_heard,
               .limits = limits(),
               .tos = 0,
               .knows = [](const base::IpAddress&) { return true; },
               .name_of = [](const base::Endpoint&) { return std::string(); }}};
};
Certificates* TlsTest::certificates = nullptr;

TEST_F(TlsTest, MessagesTravelBothWaysOnOneConnection) {
  begin("addressed", config::TlsVerify::kRequired, config::TlsVerify::kRequired);
  const std::string large = sip_message("1", std::string(60'000, 'x'));
  EXPECT_TRUE(streams->send(to(there, Protocol::kTls), large));
  ASSERT_TRUE(both_until([&] { return far_heard.messages.size() == 1; }));
  EXPECT_EQ(far_heard.messages[0], large);
  EXPECT_EQ(far_heard.paths[0].protocol, Protocol::kTls);
  EXPECT_TRUE(far.send(far_heard.paths[0], large));
  ASSERT_TRUE(both_until([&] { return heard.messages.size() == 1; }));
  EXPECT_EQ(heard.messages[0], large);
  EXPECT_EQ(streams->live(), 1u);
  EXPECT_EQ(far.live(), 1u);
}

TEST_F(TlsTest, TheCertificateMustBeForTheNameThatIsMeant) {
  begin("named", config::TlsVerify::kRequired, config::TlsVerify::kOff);
  server_name = "sip.example.net";
  streams->send(to(there, Protocol::kTls), sip_message("1"));
  ASSERT_TRUE(both_until([&] { return far_heard.messages.size() == 1; }));
}

TEST_F(TlsTest, ACertificateForAnotherNameIsRefused) {
  begin("named", config::TlsVerify::kRequired, config::TlsVerify::kOff);
  server_name = "other.example.net";
  streams->send(to(there, Protocol::kTls), sip_message("1"));
  ASSERT_TRUE(both_until([&] { return heard.lost.size() == 1; }));
  EXPECT_FALSE(heard.lost[0].was_open);
  EXPECT_EQ(count(Counter::drop_stream_handshake), 1u);
  EXPECT_TRUE(far_heard.messages.empty());
}

TEST_F(TlsTest, WithoutANameItMustBeForTheAddress) {
  begin("named", config::TlsVerify::kRequired, config::TlsVerify::kOff);
  streams->send(to(there, Protocol::kTls), sip_message("1"));
  ASSERT_TRUE(both_until([&] { return heard.lost.size() == 1; }));
  EXPECT_EQ(count(Counter::drop_stream_handshake), 1u);
}

TEST_F(TlsTest, UnverifiedPeersMayShowAnything) {
  begin("named", config::TlsVerify::kOff, config::TlsVerify::kOptional);
  streams->send(to(there, Protocol::kTls), sip_message("1"));
  ASSERT_TRUE(both_until([&] { return far_heard.messages.size() == 1; }));
}

TEST_F(TlsTest, WhoDoesNotSpeakTlsIsClosed) {
  begin("addressed", config::TlsVerify::kOff, config::TlsVerify::kOff);
  TcpPeer plain(here);
  plain.send(sip_message("1"));
  ASSERT_TRUE(turn_until([&] { return count(Counter::drop_stream_handshake) == 1; }));
  EXPECT_TRUE(heard.messages.empty());
}

TEST_F(TlsTest, AHandshakeMustBeDoneInTime) {
  begin("addressed", config::TlsVerify::kOff, config::TlsVerify::kOff);
  TcpPeer silent(here);
  ASSERT_TRUE(comes_to(1));
  pass(Seconds{4});
  EXPECT_EQ(streams->live(), 1u);
  pass(Seconds{2});
  EXPECT_EQ(streams->live(), 0u);
  EXPECT_EQ(count(Counter::drop_stream_handshake), 1u);
}

TEST_F(TlsTest, FilesThatCantBeUsedAreFaults) {
  auto settings = certificates->of("named", config::TlsVerify::kOff);
  settings.key = certificates->of("addressed", config::TlsVerify::kOff).key;
  const auto mixed = TlsContext::make(settings);
  ASSERT_FALSE(mixed.ok());
  EXPECT_NE(mixed.error_text().find("key " + settings.key), std::string::npos);
  settings.certificate = "/nowhere.pem";
  const auto missing = TlsContext::make(settings);
  ASSERT_FALSE(missing.ok());
  EXPECT_NE(missing.error_text().find("certificate /nowhere.pem: "), std::string::npos);
}

}  // namespace
}  // namespace tandem::transport
