#include "controlplane/sip/service_names.h"

#include <algorithm>
#include <tuple>

#include "drivers/base/text.h"

namespace tandem::sip {
namespace {

struct Service {
  std::string_view naptr;  // RFC 3263 §4.1, §10
  std::string_view srv;
};

Service service_of(Protocol protocol) {
  switch (protocol) {
    case Protocol::kUdp:
      return {"SIP+D2U", "_sip._udp."};
    case Protocol::kTcp:
      return {"SIP+D2T", "_sip._tcp."};
    case Protocol::kTls:
      return {"SIPS+D2T", "_sips._tcp."};
  }
  return {};
}

}  // namespace

std::string srv_name(std::string_view host, Protocol protocol) {
  return std::string(service_of(protocol).srv).append(host);
}

std::string srv_name(std::span<const NaptrRecord> records, Protocol protocol) {
  const NaptrRecord* best = nullptr;
  const auto rank = [](const NaptrRecord& r) { return std::tuple(r.order, r.preference); };
  for (const NaptrRecord& record : records) {
    if (!base::iequals(record.service, service_of(protocol).naptr)) continue;
    if (!base::iequals(record.flags, "s") || record.replacement.empty()) continue;
    if (best == nullptr || rank(record) < rank(*best)) best = &record;
  }
  return best == nullptr ? std::string() : best->replacement;
}

}  // namespace tandem::sip
