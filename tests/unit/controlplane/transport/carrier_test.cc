#include "controlplane/transport/carrier.h"

#include "drivers/wire/plan.h"
#include "drivers/wire/segment.h"
#include "tests/unit/controlplane/transport/loopback.h"

namespace tandem::transport {
namespace {

using test::free_endpoint;
using test::Heard;
using test::readable;
using wire::Counter;

// Two shards in one thread, each with its end of a corridor whose worker nobody plays.
class TwoShards : public ::testing::Test {
 protected:
  struct Shard {
    Shard(wire::Segment& segment, std::uint32_t number)
        : loop(number, base::Seconds{1000}),
          end(wire::control_end(segment.channel(0, number))),
          carrier(loop, ring, counters, number, 2) {
      carrier.attach(heard);
    }
    void turn() {
      loop.turn(now += base::Millis{1}, [this] {
        carrier.flush();
        return false;
      });
    }
    base::Nanos now = base::Seconds{1000};
    loop::ShardLoop loop;
    wire::ControlEnd end;
    sip::TransportRing ring{{&end}, 0};
    wire::CounterBlock counters;
    Heard heard;
    base::IpAddress suspended;
    Carrier carrier;
  };

  static wire::CorridorPlan two_shards() {
    wire::CorridorPlan plan;
    plan.shards = 2;
    plan.address_count = 1;
    plan.addresses[0] = base::IpAddress::ip4(10, 77, 1, 1);
    return plan;
  }

  TwoShards() {
    one.carrier.meet({&one.carrier, &two.carrier});
    two.carrier.meet({&one.carrier, &two.carrier});
    far = socket(AF_INET, SOCK_DGRAM, 0);
    const auto at = to_kernel(there);
    EXPECT_EQ(bind(far, at.get(), at.length), 0);
  }
  ~TwoShards() override {
    close(far);
    segment.leave();
  }
  static base::Result<void> listen(Shard& shard, const base::Endpoint& address) {
    const std::vector<config::Listener> listeners = {{"trunk", base::Protocol::kUdp, address, 0}};
    return shard.carrier.open({.listeners = listeners,
                               .tos = 0,
                               .stream_limits = StreamLimits(config::Parameters()),
                               .knows = nullptr,
                               .name_of = nullptr,
                               .suspended = [&shard](const base::IpAddress& source) {
                                 return shard.suspended == source;
                               }});
  }
  static std::string message(std::string_view call_id) {
    return "OPTIONS sip:x SIP/2.0\r\nCall-ID: " + std::string(call_id) + "\r\n\r\n";
  }
  void send_from_far(const std::string& bytes) {
    const auto to = to_kernel(here);
    EXPECT_EQ(sendto(far, bytes.data(), bytes.size(), 0, to.get(), to.length),
              static_cast<ssize_t>(bytes.size()));
  }

  wire::Segment segment = wire::Segment::open("tandem-test-carrier-" + std::to_string(getpid()),
                                              two_shards(), wire::Side::kControlplane)
                              .value();
  Shard one{segment, 0};
  Shard two{segment, 1};
  const base::Endpoint here = free_endpoint(SOCK_DGRAM);
  const base::Endpoint there = free_endpoint(SOCK_DGRAM);
  int far = -1;
};

// By the same ring as SIP, and no SIP for it: what of it looks like some is nobody's message.
TEST_F(TwoShards, DtlsOfMediaPortsIsSomebodyElses) {
  struct Taken final : sip::DtlsTaker {
    void on_dtls(const base::Endpoint& local, const base::Endpoint& remote,
                 std::span<const std::byte> datagram) override {
      ends.emplace_back(local, remote);
      octets += datagram.size();
    }
    std::vector<std::pair<base::Endpoint, base::Endpoint>> ends;
    std::size_t octets = 0;
  } taken;
  wire::WorkerEnd worker = wire::worker_end(segment.channel(0, 0));
  wire::DatagramHead head;
  head.local = {segment.plan().addresses[0], 20000};
  head.remote = {base::IpAddress::ip4(10, 77, 1, 2), 7000};
  head.kind = wire::DatagramKind::kDtls;
  const std::string bytes = message("s0-x");
  const auto write = [&] {
    EXPECT_TRUE(worker.punt.write(head, std::as_bytes(std::span(bytes.data(), bytes.size()))));
  };
  write();
  EXPECT_EQ(one.carrier.poll(8), 1u) << "nobody takes it yet";
  one.ring.attach(taken);
  write();
  head.kind = wire::DatagramKind::kSip;
  write();
  EXPECT_EQ(one.carrier.poll(8), 2u);
  ASSERT_EQ(taken.ends.size(), 1u);
  EXPECT_EQ(taken.ends[0], std::pair(head.local, head.remote));
  EXPECT_EQ(taken.octets, bytes.size());
  EXPECT_EQ(one.heard.all.size(), 1u);
}

TEST_F(TwoShards, AMessageGetsToTheShardOfItsCall) {
  // The first shard alone has the socket, so that it must get all of them.
  ASSERT_TRUE(listen(one, here).ok());
  send_from_far(message("s0-mine@x"));
  send_from_far(message("s1-theirs@x"));
  for (int i = 0; i < 2000 && one.heard.all.size() + two.heard.all.size() < 2; ++i) {
    one.loop.sockets().nap(base::Millis{5});
    one.turn();
    two.turn();
  }
  ASSERT_EQ(one.heard.all.size(), 1u);
  EXPECT_EQ(one.heard.all[0].bytes, message("s0-mine@x"));
  ASSERT_EQ(two.heard.all.size(), 1u);
  EXPECT_EQ(two.heard.all[0].bytes, message("s1-theirs@x"));
  EXPECT_EQ(two.heard.all[0].path.local, here);
  EXPECT_EQ(two.heard.all[0].path.remote, there);
  EXPECT_EQ(one.counters.get(Counter::sip_handed_over), 1u);
}

// By a socket, and by the corridor, where the dataplane hasn't dropped it.
TEST_F(TwoShards, MessagesOfTheSuspendedGoNoFurther) {
  ASSERT_TRUE(listen(one, here).ok());
  const auto punt = [&](std::string_view from, const std::string& bytes) {
    wire::DatagramHead head;
    head.remote = *base::Endpoint::parse(from, 5060);
    auto worker = wire::worker_end(segment.channel(0, 0));
    ASSERT_TRUE(worker.punt.write(head, std::as_bytes(std::span(bytes))));
    one.carrier.poll(10);
  };
  const auto dropped = [&] { return one.counters.get(Counter::drop_sip_suspended); };
  one.suspended = there.address;
  for (const auto* call : {"s0-mine@x", "s1-theirs@x"}) send_from_far(message(call));
  for (int i = 0; i < 2000 && dropped() < 2; ++i) {
    one.loop.sockets().nap(base::Millis{5});
    one.turn();
    two.turn();
  }
  EXPECT_EQ(dropped(), 2u);
  one.suspended = base::IpAddress::ip4(192, 0, 2, 1);
  punt("192.0.2.1", message("s0-mine@x"));
  EXPECT_EQ(dropped(), 3u);
  EXPECT_TRUE(one.heard.all.empty() && two.heard.all.empty());
  punt("192.0.2.2", message("s0-mine@x"));
  EXPECT_EQ(one.heard.all.size(), 1u);
  // What ends a call goes on: by the corridor, and by a socket.
  const std::string bye = "BYE sip:x SIP/2.0\r\nCall-ID: s0-mine@x\r\n\r\n";
  punt("192.0.2.1", bye);
  EXPECT_EQ(one.heard.all.size(), 2u);
  one.suspended = there.address;
  send_from_far(bye);
  for (int i = 0; i < 2000 && one.heard.all.size() < 3; ++i) {
    one.loop.sockets().nap(base::Millis{5});
    one.turn();
  }
  EXPECT_EQ(one.heard.all.size(), 3u);
  EXPECT_EQ(dropped(), 3u);
}

TEST_F(TwoShards, AShardThatDoesNotListenIsNotHeapedWithoutBound) {
  ASSERT_TRUE(listen(one, here).ok());
  const auto bytes = message("s1-theirs@x");
  std::uint64_t taken = 0;
  for (std::uint32_t sent = 0; sent < Carrier::kHandoversMax + 10; ++sent) {
    send_from_far(bytes);
    const std::uint64_t before = taken;
    for (int i = 0; i < 2000 && taken == before; ++i) {
      one.loop.sockets().nap(base::Millis{5});
      one.turn();
      taken = one.counters.get(Counter::sip_handed_over) +
              one.counters.get(Counter::drop_sip_handover_full);
    }
    ASSERT_EQ(taken, before + 1);
  }
  EXPECT_EQ(one.counters.get(Counter::sip_handed_over), Carrier::kHandoversMax);
  EXPECT_EQ(one.counters.get(Counter::drop_sip_handover_full), 10u);
  two.turn();
  EXPECT_EQ(two.heard.all.size(), Carrier::kHandoversMax);
}

TEST_F(TwoShards, SendsByTheSocketOfAListenerAndElseByTheCorridor) {
  ASSERT_TRUE(listen(one, here).ok());
  EXPECT_TRUE(one.carrier.send({here, there}, "by the kernel"));
  one.turn();
  ASSERT_TRUE(readable(far));
  char buffer[100];
  EXPECT_EQ(std::string(buffer, static_cast<std::size_t>(recv(far, buffer, sizeof buffer, 0))),
            "by the kernel");
  const auto port = *base::Endpoint::parse("10.77.1.1:5060", 0);
  EXPECT_TRUE(one.carrier.send({port, there}, "by the corridor"));
  auto worker = wire::worker_end(segment.channel(0, 0));
  wire::ByteRing::View view;
  ASSERT_TRUE(worker.inject.front(view));
  EXPECT_EQ(view.payload.size(), 15u);
  one.turn();
  EXPECT_FALSE(readable(far, 0));
}

TEST_F(TwoShards, AnotherProtocolIsSpokenWhereTheSameAddressListensForIt) {
  const auto tcp = free_endpoint(SOCK_STREAM);
  const std::vector<config::Listener> listeners = {{"u", base::Protocol::kUdp, here, 0},
                                                   {"t", base::Protocol::kTcp, tcp, 0}};
  ASSERT_TRUE(one.carrier
                  .open({.listeners = listeners,
                         .tos = 0,
                         .stream_limits = StreamLimits(config::Parameters()),
                         .knows = nullptr,
                         .name_of = nullptr})
                  .ok());
  const sip::Path known{here, there};
  sip::Path wanted = known;
  wanted.protocol = base::Protocol::kTcp;
  EXPECT_EQ(one.carrier.settle(wanted, known).local, tcp);
  EXPECT_EQ(one.carrier.settle(wanted, known).protocol, base::Protocol::kTcp);
  wanted.protocol = base::Protocol::kTls;  // nobody does
  EXPECT_EQ(one.carrier.settle(wanted, known).protocol, base::Protocol::kUdp);
  EXPECT_EQ(one.carrier.settle(wanted, known).local, here);
}

TEST_F(TwoShards, ThatNoConnectionCanBeHadIsToldToTheShardThatSent) {
  const auto tcp = free_endpoint(SOCK_STREAM);
  const std::vector<config::Listener> listeners = {{"t", base::Protocol::kTcp, tcp, 0}};
  for (Shard* shard : {&one, &two}) {
    ASSERT_TRUE(shard->carrier
                    .open({.listeners = listeners,
                           .tos = 0,
                           .stream_limits = StreamLimits(config::Parameters()),
                           .knows = nullptr,
                           .name_of = [](const base::Endpoint&) { return std::string(); }})
                    .ok());
  }
  EXPECT_EQ(two.carrier.streams(), nullptr);
  sip::Path path{tcp, free_endpoint(SOCK_STREAM)};
  path.protocol = base::Protocol::kTcp;
  EXPECT_TRUE(two.carrier.send(path, message("s1-x")));
  for (int i = 0; i < 2000 && two.heard.lost.empty(); ++i) {
    one.turn();
    one.loop.sockets().nap(base::Millis{5});
    two.turn();
  }
  ASSERT_EQ(two.heard.lost.size(), 1u);
  EXPECT_EQ(two.heard.lost[0], path.remote);
}

TEST_F(TwoShards, AnAddressThatIsNotTheKernelsIsAFaultWithTheListenersName) {
  const auto opened = listen(one, *base::Endpoint::parse("192.0.2.1:5060", 0));
  ASSERT_FALSE(opened.ok());
  EXPECT_EQ(opened.error_text(),
            "listener \"trunk\": UDP 192.0.2.1:5060: Cannot assign requested address");
}

}  // namespace
}  // namespace tandem::transport
