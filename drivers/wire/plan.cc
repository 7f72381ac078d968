#include "drivers/wire/plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "drivers/base/settings_file.h"
#include "drivers/base/text.h"

namespace tandem::wire {

int CorridorPlan::index_of(const base::IpAddress& address) const {
  for (std::uint32_t i = 0; i < address_count; ++i) {
    if (addresses[i] == address) return static_cast<int>(i);
  }
  return -1;
}

std::string CorridorPlan::text() const {
  std::string out = fmt::format("{} workers, {} shards, addresses", workers, shards);
  for (std::uint32_t i = 0; i < address_count; ++i) out += " " + addresses[i].text();
  return out;
}

CorridorSettings read_corridor(base::SettingsTable& root) {
  CorridorSettings out;
  auto corridor = root.table("corridor");
  out.segment = corridor.text("segment", "tandem");
  if (out.segment.empty() || out.segment.size() > 64 ||
      out.segment.find('/') != std::string::npos) {
    corridor.fault("segment", "must be a plain name of 1 to 64 characters, without '/'");
  }
  out.plan.workers = static_cast<std::uint32_t>(corridor.integer("workers", 1, 1, kWorkersMax));
  out.plan.shards = static_cast<std::uint32_t>(corridor.integer("shards", 1, 1, kShardsMax));
  corridor.refuse_unknown();
  auto ports = root.tables("port");
  if (ports.empty()) root.fault("port", "at least one [[port]] is needed");
  for (auto& port : ports) {
    const auto text = port.required_text("address");
    if (text.empty()) continue;
    const auto prefix = base::Ip4Prefix::parse(text);
    if (!prefix) {
      port.fault("address", fmt::format("\"{}\" is not of the form 192.0.2.1/24", text));
      continue;
    }
    const auto address = base::IpAddress::ip4_raw(prefix->network_order);
    if (out.plan.index_of(address) >= 0) {
      port.fault("address", fmt::format("{} stands in two ports", address.text()));
      continue;
    }
    if (out.plan.address_count == kAddressesMax) {
      port.fault("address", fmt::format("more than {} ports", kAddressesMax));
      break;
    }
    out.plan.addresses[out.plan.address_count++] = address;
  }
  return out;
}

std::uint32_t shard_of_call_id(std::uint32_t shards, std::string_view call_id) {
  if (shards <= 1) return 0;
  if (call_id.size() > 3 && call_id[0] == 's' && base::is_digit(call_id[1]) && call_id[2] == '-') {
    const auto shard = static_cast<std::uint32_t>(call_id[1] - '0');
    if (shard < shards) return shard;
  }
  std::uint64_t hash = 0xcbf29ce484222325ull;  // FNV-1a
  for (const char c : call_id) {
    hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ull;
  }
  return static_cast<std::uint32_t>((hash >> 32) % shards);
}

std::uint32_t shard_of_datagram(std::uint32_t shards, std::span<const std::byte> datagram) {
  if (shards <= 1) return 0;
  std::string_view rest(reinterpret_cast<const char*>(datagram.data()), datagram.size());
  // Empty lines ahead of the start line are no body (§7.5).
  rest.remove_prefix(std::min(rest.find_first_not_of("\r\n"), rest.size()));
  while (!rest.empty()) {
    const auto end = rest.find('\n');
    auto line = rest.substr(0, end);
    rest = end == std::string_view::npos ? std::string_view{} : rest.substr(end + 1);
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    if (line.empty()) return 0;  // the body begins
    if (base::to_lower(line[0]) != 'c' && base::to_lower(line[0]) != 'i') continue;
    const auto colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    const auto name = base::trim(line.substr(0, colon));
    if (base::iequals(name, "call-id") || base::iequals(name, "i")) {
      const auto value = base::trim(line.substr(colon + 1));
      // Folded (§7.3.1): the value stands on the next line.
      const bool folded = value.empty() && !rest.empty() && base::is_space(rest.front());
      return shard_of_call_id(shards, folded ? base::trim(rest.substr(0, rest.find('\n'))) : value);
    }
  }
  return 0;
}

bool belongs_to_begun(std::span<const std::byte> datagram) {
  const std::string_view text(reinterpret_cast<const char*>(datagram.data()), datagram.size());
  return text.starts_with("BYE ") || text.starts_with("ACK ") || text.starts_with("CANCEL ") ||
         text.starts_with("SIP/2.0 ");
}

}  // namespace tandem::wire
