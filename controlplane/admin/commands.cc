#include "controlplane/admin/commands.h"

#include <fmt/format.h>

#include <utility>

namespace tandem::admin {
namespace {

const char* word(wire::FlowKind kind) {
  switch (kind) {
    case wire::FlowKind::kRtp:
      return "rtp";
    case wire::FlowKind::kRtcp:
      return "rtcp";
    case wire::FlowKind::kOpaque:
      return "opaque";
  }
  return "?";
}

Json connection_json(const transport::Connection& c, base::Nanos now) {
  const auto seconds = [](base::Nanos time) { return time / base::Seconds{1}; };
  return {{"protocol", base::protocol_name(c.path.protocol)},
          {"local", c.path.local.text()},
          {"remote", c.path.remote.text()},
          {"opened_by", c.outgoing ? "us" : "peer"},
          {"known", c.known},
          {"state", transport::state_name(c)},
          {"octets_in", c.octets_in},
          {"octets_out", c.octets_out},
          {"queued", c.queued()},
          {"age_s", seconds(now - c.opened)},
          {"idle_s", seconds(now - c.used)}};
}

bool is_drop(std::string_view counter) { return counter.starts_with("drop_"); }

}  // namespace

Commands::Commands(loop::EventLoop& loop, const wire::Segment& segment, const cdr::Journal& journal,
                   const cdr::Recovered& recovered, std::vector<ShardView> shards)
    : loop_(loop),
      segment_(segment),
      journal_(journal),
      recovered_(recovered),
      shards_(std::move(shards)) {}

const std::vector<Commands::Entry>& Commands::table() {
  static const std::vector<Entry> kTable = {
      {"show calls", &Commands::show_calls},
      {"show call", &Commands::show_call},
      {"show counters", &Commands::show_counters},
      {"show workers", &Commands::show_workers},
      {"show connections", &Commands::show_connections},
      {"show flows", &Commands::show_flows},
      {"hangup", &Commands::hangup},
  };
  return kTable;
}

void Commands::run(const std::string& command, const Json& args, const Answer& answer) {
  for (const Entry& entry : table()) {
    if (command == entry.name) {
      (this->*entry.action)(args, answer);
      return;
    }
  }
  const bool accounts = command.starts_with("account ") || command == "show endpoints" ||
                        command.starts_with("suspension ") || command == "show suspensions";
  const bool routes = command.starts_with("route ") || command.starts_with("list ") ||
                      command.starts_with("window ");
  answer(base::error(fmt::format("no such command: {}{}", command,
                                 accounts ? ": the site file has no [registrar]"
                                 : routes ? ": the site file has no [routing]"
                                          : "")));
}

void Commands::ask_shards(std::function<Json(calls::CallService&, std::uint32_t shard)> ask,
                          std::function<void(std::vector<Json>)> done) {
  struct Gathering {
    std::vector<Json> answers;
    std::size_t missing;
    std::function<void(std::vector<Json>)> done;
  };
  auto gathering = std::make_shared<Gathering>(
      Gathering{std::vector<Json>(shards_.size()), shards_.size(), std::move(done)});
  for (std::size_t i = 0; i < shards_.size(); ++i) {
    shards_[i].inbox.post([this, i, ask, gathering] {
      // On the shard's thread; the answer travels back to ours.
      loop_.post(
          [i, gathering, answer = ask(shards_[i].calls, static_cast<std::uint32_t>(i))]() mutable {
            gathering->answers[i] = std::move(answer);
            if (--gathering->missing == 0) gathering->done(std::move(gathering->answers));
          });
    });
  }
}

void Commands::show_counters(const Json&, const Answer& answer) {
  // Rows above the first control-plane row are the workers'.
  constexpr auto kFirstControl = static_cast<std::size_t>(wire::Counter::sip_received);
  Json dataplane = Json::object();
  Json controlplane = Json::object();
  const auto& infos = wire::counter_infos();
  for (std::size_t row = 0; row < wire::kCounterCount; ++row) {
    std::uint64_t sum = 0;
    if (row < kFirstControl) {
      for (std::uint32_t w = 0; w < segment_.plan().workers; ++w) {
        sum += segment_.worker_page(w).counters.get(row);
      }
    } else {
      for (const ShardView& shard : shards_) sum += shard.counters.get(row);
    }
    (row < kFirstControl ? dataplane : controlplane)[std::string(infos[row].name)] = sum;
  }
  controlplane["cdr_written"] = journal_.written();
  controlplane["cdr_files_finished"] = journal_.rotations();
  controlplane["cdr_files_unexported"] = journal_.files().unexported_beyond();
  controlplane["cdr_lost_calls"] = recovered_.up;
  controlplane["cdr_recovered"] = recovered_.finished;
  controlplane["cdr_slots_corrupt"] = recovered_.corrupt;
  answer(Json{{"dataplane", dataplane}, {"controlplane", controlplane}});
}

void Commands::show_workers(const Json&, const Answer& answer) {
  Json list = Json::array();
  const auto& infos = wire::counter_infos();
  const bool alive = segment_.alive(wire::Side::kDataplane, base::monotonic_now());
  for (std::uint32_t w = 0; w < segment_.plan().workers; ++w) {
    const wire::WorkerPage& page = segment_.worker_page(w);
    wire::WorkerRecord record;
    page.record.read(record);
    std::uint64_t drops = 0;
    for (std::size_t row = 0; row < wire::kCounterCount; ++row) {
      if (is_drop(infos[row].name)) drops += page.counters.get(row);
    }
    const double busy = record.total_ns == 0 ? 0.0
                                             : static_cast<double>(record.busy_ns) /
                                                   static_cast<double>(record.total_ns);
    list.push_back({{"worker", w},
                    {"alive", alive},
                    {"lcore", record.lcore},
                    {"flows", record.flows},
                    {"turns", record.turns},
                    {"busy_share", busy},
                    {"rx_packets", page.counters.get(wire::Counter::rx_packets)},
                    {"tx_packets", page.counters.get(wire::Counter::tx_packets)},
                    {"drops", drops}});
  }
  answer(Json{{"workers", list}});
}

// All connections are the first shard's.
void Commands::show_connections(const Json&, const Answer& answer) {
  shards_.front().inbox.post([this, answer] {
    Json list = Json::array();
    transport::Carrier* carrier = shards_.front().carrier;
    if (carrier != nullptr && carrier->streams() != nullptr) {
      const base::Nanos now = base::monotonic_now();
      carrier->streams()->each(
          [&](const transport::Connection& c) { list.push_back(connection_json(c, now)); });
    }
    loop_.post([answer, list = std::move(list)] { answer(Json{{"connections", list}}); });
  });
}

void Commands::show_flows(const Json&, const Answer& answer) {
  struct Found {
    Json json;
    std::uint64_t cookie;
    std::uint32_t shard;
  };
  auto found = std::make_shared<std::vector<Found>>();
  const auto& plan = segment_.plan();
  const auto text = [&](wire::FlowKey key) {
    return fmt::format("{}:{}", plan.addresses[key.address].text(), key.port);
  };
  for (std::uint16_t a = 0; a < plan.address_count; ++a) {
    for (std::uint32_t port = 0; port < 65536; ++port) {
      const wire::FlowKey key{a, static_cast<std::uint16_t>(port)};
      wire::FlowRecord r;
      if (!segment_.flow_record(key).read(r) || r.generation == 0) continue;
      if (r.peer.address >= plan.address_count) continue;
      const auto& f = r.figures;
      found->push_back({{{"local", text(key)},
                         {"remote", r.remote.text()},
                         {"peer", text(r.peer)},
                         {"kind", word(r.kind)},
                         {"latched", r.latched != 0},
                         {"call", ""},
                         {"packets", f.packets},
                         {"octets", f.octets},
                         {"lost", f.lost},
                         {"reordered", f.reordered},
                         {"duplicated", f.duplicated},
                         {"refused", f.refused},
                         {"relayed", f.relayed},
                         {"jitter_us", f.jitter_us},
                         {"largest_gap_us", f.largest_gap_us},
                         {"ssrc", f.ssrc},
                         {"payload_type", f.payload_type},
                         {"opaque", f.opaque},
                         {"implausible", f.implausible},
                         {"late", f.late},
                         {"gaps", f.gaps},
                         {"loss_runs", f.loss_runs},
                         {"reports", r.report.reports},
                         {"round_trip_us", r.report.round_trip_us}},
                        r.cookie,
                        wire::shard_of_port(plan, key.port)});
    }
  }
  // A cookie means something to the shard that owns the port only.
  ask_shards(
      [found](calls::CallService& service, std::uint32_t shard) {
        Json names = Json::array();
        for (const Found& flow : *found) {
          if (flow.shard == shard) names.push_back(service.name_of(flow.cookie));
        }
        return names;
      },
      [found, answer](const std::vector<Json>& names) {
        std::vector<std::size_t> next(names.size());
        Json list = Json::array();
        for (Found& flow : *found) {
          flow.json["call"] = names[flow.shard][next[flow.shard]++];
          list.push_back(std::move(flow.json));
        }
        answer(Json{{"flows", std::move(list)}});
      });
}

}  // namespace tandem::admin
