// Fuzzes what a media port does with what anybody sends to it: latch, meter, RTCP's reader, the way
// on. The first two octets: how RTCP goes to either party (two bits each), whether the callee's
// media are a fax, whether the callee is known. Then datagrams: an octet (who sends: bits 0–1 the
// caller, another port of its host, a stranger, the callee; bit 2: on RTCP's port; bit 3: described
// anew; bits 4–7: tens of milliseconds that pass), a size, and so many octets. What holds for every
// input:
// - what leaves goes to a party's host, from our own port towards it, and has the payload that
// came;
// - it comes from a party's host: nobody else gets through or moves anything;
// - each datagram is either relayed or refused with a reason, and counted.
#include <array>
#include <cstring>
#include <span>
#include <vector>

#include "dataplane/flow_table.h"
#include "dataplane/latch.h"
#include "dataplane/relay.h"
#include "tests/fuzz/must.h"
#include "tests/unit/dataplane/frames.h"

namespace tandem::fuzz {
namespace {

using namespace dataplane;
using dataplane::testing::Frame;
using dataplane::testing::ip;

enum Sender : std::uint8_t { kCaller, kNeighbour, kStranger, kCallee };

const std::uint32_t kHosts[] = {ip(10, 77, 1, 2), ip(10, 77, 2, 2)};
constexpr std::uint16_t kBoth[] = {0, 1};  // sides; RTP and RTCP
const std::uint16_t kFarPorts[] = {4000, 6000};
const std::uint16_t kOurPorts[] = {20000, 30000};

wire::CorridorPlan plan() {
  wire::CorridorPlan out;
  out.address_count = 2;
  return out;
}

class Relaying {
 public:
  Relaying(std::uint8_t ways, std::uint8_t more) {
    for (const std::uint16_t side : kBoth) {
      for (const std::uint16_t rtcp : kBoth) flow_of(side, rtcp) = {};  // of the run before
    }
    for (const std::uint16_t side : kBoth) {
      for (const std::uint16_t rtcp : kBoth) {
        Flow& flow = open(side, rtcp);
        flow.latch = wire::LatchRule::kSignalledIp;
        flow.cookie = 7;
        flow.kind = rtcp != 0 ? wire::FlowKind::kRtcp : wire::FlowKind::kRtp;
        const bool known = side == 0 || (more & 2) != 0;
        latch_signal(
            flow, known ? kHosts[side] : 0,
            known ? rte_cpu_to_be_16(static_cast<std::uint16_t>(kFarPorts[side] + rtcp)) : 0);
        flow.next_hop = kHosts[side];
      }
      const int way = side == 0 ? ways & 3 : ways >> 2 & 3;
      flow_of(side, 0).rtcp_way = static_cast<wire::RtcpWay>(way % 3);
    }
    if ((more & 1) != 0) flow_of(1, 0).kind = wire::FlowKind::kOpaque;
  }

  void take(std::uint8_t head, std::string_view payload) {
    now_ += base::Millis{10} * (head >> 4);
    const auto sender = static_cast<Sender>(head & 3);
    const std::uint16_t side = sender == kCallee ? 1 : 0;
    const std::uint16_t rtcp = head >> 2 & 1;
    Flow& flow = flow_of(side, rtcp);
    if ((head & 8) != 0) latch_renew(flow, now_);
    const std::uint32_t from = sender == kStranger ? ip(10, 77, 1, 66) : kHosts[side];
    const auto port =
        static_cast<std::uint16_t>(sender == kNeighbour ? 7000 : kFarPorts[side] + rtcp);
    Frame frame = testing::udp_frame({testing::kFarMac[side], testing::kOurMac[side], from,
                                      ip(10, 77, static_cast<std::uint8_t>(side + 1), 1), port,
                                      static_cast<std::uint16_t>(kOurPorts[side] + rtcp)},
                                     payload);
    relay_one(frame, flow, sender, payload);
  }

 private:
  Flow& open(std::uint16_t side, std::uint16_t rtcp) {
    const auto other = static_cast<std::uint16_t>(1 - side);
    return flows_.open({side, static_cast<std::uint16_t>(kOurPorts[side] + rtcp)},
                       {other, static_cast<std::uint16_t>(kOurPorts[other] + rtcp)}, ++generation_);
  }
  Flow& flow_of(std::uint16_t side, std::uint16_t rtcp) {
    return flows_.at({side, static_cast<std::uint16_t>(kOurPorts[side] + rtcp)});
  }

  void relay_one(Frame& frame, Flow& flow, Sender sender, std::string_view payload) {
    Ip4Packet packet;
    UdpPacket udp;
    MUST(!parse_ip4(frame, packet) && !parse_udp(packet, udp));
    const wire::FlowFigures before = flow.figures();
    const LatchState state = flow.latch_state;
    const Relayed out = relay(udp, flow, ports_, now_);
    const wire::FlowFigures after = flow.figures();
    MUST(after.packets + after.refused == before.packets + before.refused + 1);
    MUST(after.relayed == before.relayed + (out.fault ? 0 : 1));
    MUST(!out.latched || flow.latch_state == LatchState::kLearning);
    if (sender == kStranger) {
      MUST(out.fault && !out.latched && after.refused == before.refused + 1);
      MUST(flow.latch_state == state || flow.latch_state == LatchState::kSettled);
    }
    if (flow.latch_state != LatchState::kOpen) MUST(flow.remote_ip == kHosts[flow.key.address]);
    if (out.fault) return;
    const auto side = static_cast<std::uint16_t>(1 - flow.key.address);
    MUST(out.to != nullptr && out.to->key.address == side && out.port == side);
    MUST(testing::ip_of(frame)->dst_addr == kHosts[side]);
    MUST(testing::ip_of(frame)->src_addr == ports_[side].address());
    MUST(testing::udp_of(frame)->src_port == rte_cpu_to_be_16(out.to->key.port));
    MUST(testing::udp_checksum_right(frame) && testing::ip_checksum_right(frame));
    MUST(std::memcmp(testing::payload_of(frame), payload.data(), payload.size()) == 0);
  }

  base::Nanos now_ = base::Seconds{50};
  wire::FlowGeneration generation_ = 0;
  std::vector<LocalPort> ports_ = testing::two_ports();
  // One table's memory for all runs: clearing it each time would be most of the work.
  static std::vector<Flow>& memory() {
    static std::vector<Flow> made(FlowTable::places(plan()));
    return made;
  }
  FlowTable flows_{memory(), plan(), 0};
};

}  // namespace
}  // namespace tandem::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tandem::fuzz;
  std::string_view input = text_of(data, size);
  if (input.size() < 2) return 0;
  Relaying relaying(static_cast<std::uint8_t>(input[0]), static_cast<std::uint8_t>(input[1]));
  input.remove_prefix(2);
  while (input.size() >= 2) {
    const auto head = static_cast<std::uint8_t>(input[0]);
    const std::size_t octets = static_cast<std::uint8_t>(input[1]);
    input.remove_prefix(2);
    const auto payload = input.substr(0, octets);
    input.remove_prefix(payload.size());
    relaying.take(head, payload);
  }
  return 0;
}
