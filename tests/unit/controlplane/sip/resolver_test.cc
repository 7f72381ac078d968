// The resolver against a name server of the test's own, on a loopback socket in the same event
// loop. Time for refreshing is the test's; only lost answers wait for c-ares' own clock.
#include "controlplane/sip/resolver.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <map>
#include <utility>

namespace tandem::sip {
namespace {

constexpr int kTypeA = 1;
constexpr int kTypeSrv = 33;
constexpr int kTypeNaptr = 35;

void put16(std::string& out, std::size_t value) {
  out += static_cast<char>(value >> 8);
  out += static_cast<char>(value);
}

// A domain name as it stands in a message (RFC 1035 §3.1).
std::string wire_name(std::string_view name) {
  std::string out;
  while (!name.empty() && name != ".") {
    const auto label = name.substr(0, name.find('.'));
    out += static_cast<char>(label.size());
    out += label;
    name.remove_prefix(std::min(name.size(), label.size() + 1));
  }
  return out + '\0';
}

std::string counted(std::string_view text) {
  return std::string(1, static_cast<char>(text.size())).append(text);
}

std::string srv(std::size_t priority, std::size_t weight, std::size_t port, std::string_view host) {
  std::string out;
  for (const std::size_t number : {priority, weight, port}) put16(out, number);
  return out + wire_name(host);
}

std::string naptr(std::size_t order, std::string_view service, std::string_view replacement) {
  std::string out;
  put16(out, order);
  put16(out, 10);
  return out + counted("s") + counted(service) + counted("") + wire_name(replacement);
}

std::string ip4(std::string_view text) {
  const auto address = *base::IpAddress::parse(text);
  return {reinterpret_cast<const char*>(address.bytes.data()), 4};
}

class NameServer {
 public:
  explicit NameServer(loop::EventLoop& loop) : loop_(loop) {
    fd_ = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    sockaddr_in here{};
    here.sin_family = AF_INET;
    here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(bind(fd_, reinterpret_cast<sockaddr*>(&here), sizeof here), 0);
    socklen_t size = sizeof here;
    EXPECT_EQ(getsockname(fd_, reinterpret_cast<sockaddr*>(&here), &size), 0);
    address.address = base::IpAddress::ip4(127, 0, 0, 1);
    address.port = ntohs(here.sin_port);
    loop_.watch(fd_, EPOLLIN, [this](std::uint32_t) { answer(); });
  }
  ~NameServer() {
    loop_.forget(fd_);
    close(fd_);
  }

  void add(std::string name, int type, std::string data, std::uint32_t ttl = 60) {
    records_[{std::move(name), type}].emplace_back(ttl, std::move(data));
  }
  void remove(const std::string& name, int type) { records_.erase({name, type}); }
  int asked(const std::string& name, int type) { return asked_[{name, type}]; }

  base::Endpoint address;
  bool broken = false;  // says SERVFAIL to everything

 private:
  void answer() {
    std::array<char, 512> bytes{};
    sockaddr_in peer{};
    socklen_t size = sizeof peer;
    const auto got =
        recvfrom(fd_, bytes.data(), bytes.size(), 0, reinterpret_cast<sockaddr*>(&peer), &size);
    if (got < 12) return;
    std::string name;
    std::size_t at = 12;
    while (bytes[at] != 0) {
      const auto length = static_cast<std::size_t>(bytes[at]);
      if (!name.empty()) name += '.';
      name.append(&bytes[at + 1], length);
      at += length + 1;
    }
    const int type = bytes[at + 2];
    ++asked_[{name, type}];
    const auto found = records_.find({name, type});
    const std::size_t count = found == records_.end() || broken ? 0 : found->second.size();
    std::string out(bytes.data(), 2);
    put16(out, 0x8580u | (broken ? 2u : count == 0 ? 3u : 0u));
    for (const std::size_t n : {std::size_t{1}, count, std::size_t{0}, std::size_t{0}}) {
      put16(out, n);
    }
    out.append(&bytes[12], at + 5 - 12);
    for (std::size_t i = 0; i < count; ++i) {
      const auto& [ttl, data] = found->second[i];
      put16(out, 0xc00c);
      put16(out, static_cast<std::size_t>(type));
      put16(out, 1);
      put16(out, ttl >> 16);
      put16(out, ttl & 0xffff);
      put16(out, data.size());
      out += data;
    }
    sendto(fd_, out.data(), out.size(), 0, reinterpret_cast<sockaddr*>(&peer), size);
  }

  loop::EventLoop& loop_;
  int fd_ = -1;
  std::map<std::pair<std::string, int>, std::vector<std::pair<std::uint32_t, std::string>>>
      records_;
  std::map<std::pair<std::string, int>, int> asked_;
};

class ResolverTest : public ::testing::Test {
 protected:
  ResolverTest() {
    EXPECT_TRUE(loop.open().ok());
    server = std::make_unique<NameServer>(loop);
    resolver = std::make_unique<Resolver>(loop);
    EXPECT_TRUE(resolver->open({server->address}).ok());
    loop.on_beat([this] {
      resolver->tend(now);
      if (done && done()) loop.stop();
      ASSERT_LT(++beats, 400) << "no answer in 20 s";
    });
  }
  ~ResolverTest() override {
    resolver.reset();
    server.reset();
  }
  std::uint64_t follow(Resolver::Question question) {
    return resolver->follow(std::move(question), [this](const auto& places) {
      ++answers;
      texts.clear();
      for (const auto& place : places) {
        texts += place.endpoint.text() + "/" + std::to_string(place.priority) + "/" +
                 std::to_string(place.weight) + " ";
      }
    });
  }
  void run_until(std::function<bool()> condition) {
    done = std::move(condition);
    loop.run();
  }

  loop::EventLoop loop;
  std::unique_ptr<NameServer> server;
  std::unique_ptr<Resolver> resolver;
  base::Nanos now{base::Seconds{1000}};
  std::function<bool()> done;
  int beats = 0;
  int answers = 0;
  std::string texts;
};

TEST_F(ResolverTest, FollowsNaptrAndSrvToAddresses) {
  server->add("carrier.test", kTypeNaptr, naptr(20, "SIP+D2U", "_sip._udp.other.test"));
  server->add("carrier.test", kTypeNaptr, naptr(10, "SIPS+D2T", "_sips._tcp.tls.test"));
  server->add("_sip._udp.other.test", kTypeSrv, srv(20, 1, 5070, "b.test"));
  server->add("_sip._udp.other.test", kTypeSrv, srv(10, 7, 5080, "a.test"));
  server->add("_sips._tcp.tls.test", kTypeSrv, srv(1, 1, 5061, "b.test"));
  server->add("a.test", kTypeA, ip4("192.0.2.1"));
  server->add("a.test", kTypeA, ip4("192.0.2.2"));
  server->add("b.test", kTypeA, ip4("192.0.2.9"));
  follow({.host = "carrier.test"});
  run_until([this] { return answers == 1; });
  EXPECT_EQ(texts, "192.0.2.1:5080/10/7 192.0.2.2:5080/10/7 192.0.2.9:5070/20/1 ");
  follow({.host = "carrier.test", .protocol = Protocol::kTls});
  run_until([this] { return answers == 2; });
  EXPECT_EQ(texts, "192.0.2.9:5061/1/1 ");
}

// Also while its first answer is on the way.
TEST_F(ResolverTest, AForgottenNameIsSilent) {
  server->add("carrier.test", kTypeA, ip4("192.0.2.1"));
  server->add("other.test", kTypeA, ip4("192.0.2.2"));
  const auto number = follow({.host = "carrier.test"});
  resolver->tend(now);
  resolver->forget(number);
  follow({.host = "other.test"});
  run_until([this] { return answers == 1; });
  EXPECT_EQ(texts, "192.0.2.2:5060/0/0 ");
  resolver->forget(number);  // once more does no harm
}

TEST_F(ResolverTest, WithoutNaptrTheUsualSrvName) {
  server->add("_sip._tcp.carrier.test", kTypeSrv, srv(0, 0, 5066, "a.test"));
  server->add("a.test", kTypeA, ip4("192.0.2.1"));
  follow({.host = "carrier.test", .protocol = Protocol::kTcp});
  run_until([this] { return answers == 1; });
  EXPECT_EQ(texts, "192.0.2.1:5066/0/0 ");
}

TEST_F(ResolverTest, WithoutSrvTheAddressAndTheProtocolsPort) {
  server->add("carrier.test", kTypeA, ip4("192.0.2.1"));
  follow({.host = "carrier.test", .protocol = Protocol::kTls});
  run_until([this] { return answers == 1; });
  EXPECT_EQ(texts, "192.0.2.1:5061/0/0 ");
}

TEST_F(ResolverTest, AStatedPortAsksForNoService) {
  server->add("_sip._udp.carrier.test", kTypeSrv, srv(0, 0, 5066, "a.test"));
  server->add("carrier.test", kTypeA, ip4("192.0.2.1"));
  follow({.host = "carrier.test", .port = 5099});
  run_until([this] { return answers == 1; });
  EXPECT_EQ(texts, "192.0.2.1:5099/0/0 ");
  EXPECT_EQ(server->asked("_sip._udp.carrier.test", kTypeSrv), 0);
}

TEST_F(ResolverTest, SourcesAreAddressesOfAnyPort) {
  server->add("_sip._udp.customer.test", kTypeSrv, srv(0, 0, 5066, "a.test"));
  server->add("customer.test", kTypeA, ip4("192.0.2.1"));
  follow({.host = "customer.test", .addresses_only = true});
  run_until([this] { return answers == 1; });
  EXPECT_EQ(texts, "192.0.2.1:0/0/0 ");
}

TEST_F(ResolverTest, AHostsFileNeedsNoServer) {
  follow({.host = "localhost"});
  run_until([this] { return answers == 1; });
  EXPECT_EQ(texts, "127.0.0.1:5060/0/0 ");
  EXPECT_EQ(server->asked("localhost", kTypeNaptr), 0);
}

TEST_F(ResolverTest, AsksAgainWhenTheAnswerIsOldAndTellsOnlyWhatIsNew) {
  server->add("carrier.test", kTypeA, ip4("192.0.2.1"), 20);
  follow({.host = "carrier.test", .port = 5060});
  run_until([this] { return answers == 1; });
  now += base::Seconds{19};
  resolver->tend(now);
  EXPECT_EQ(server->asked("carrier.test", kTypeA), 1);
  now += base::Seconds{2};
  run_until([this] { return server->asked("carrier.test", kTypeA) == 2; });
  server->remove("carrier.test", kTypeA);
  server->add("carrier.test", kTypeA, ip4("192.0.2.7"));
  now += base::Seconds{21};
  run_until([this] { return answers == 2; });
  EXPECT_EQ(texts, "192.0.2.7:5060/0/0 ");
}

TEST_F(ResolverTest, ABrokenServerLeavesTheLastAnswerInUse) {
  server->add("_sip._udp.carrier.test", kTypeSrv, srv(0, 0, 5066, "a.test"));
  server->add("a.test", kTypeA, ip4("192.0.2.1"));
  follow({.host = "carrier.test"});
  run_until([this] { return answers == 1; });
  server->broken = true;
  now += base::Seconds{300};
  run_until([this] { return server->asked("_sip._udp.carrier.test", kTypeSrv) >= 2; });
  server->broken = false;
  server->remove("a.test", kTypeA);
  server->add("a.test", kTypeA, ip4("192.0.2.2"));
  // Asked again after kRetry, not only when the first answer would have been old.
  run_until([this] {
    now += Resolver::kRetry;
    return answers == 2;
  });
  EXPECT_EQ(texts, "192.0.2.2:5066/0/0 ");
}

TEST_F(ResolverTest, ADotInSrvMeansNoService) {
  server->add("_sip._udp.carrier.test", kTypeSrv, srv(0, 0, 0, "."));
  server->add("carrier.test", kTypeA, ip4("192.0.2.1"));
  follow({.host = "carrier.test"});
  run_until([this] {
    now += base::Seconds{1};
    return server->asked("_sip._udp.carrier.test", kTypeSrv) >= 3;
  });
  EXPECT_EQ(answers, 0);
  EXPECT_EQ(server->asked("carrier.test", kTypeA), 0);
}

TEST_F(ResolverTest, GoesDownInTheMiddleOfAQuestion) {
  follow({.host = "carrier.test"});
  resolver->tend(now);
  resolver.reset();
}

}  // namespace
}  // namespace tandem::sip
