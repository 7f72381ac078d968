#include "drivers/port/device_name.h"

#include "drivers/base/text.h"

namespace tandem::port {
namespace {

bool is_hex(std::string_view text) {
  return !text.empty() &&
         text.find_first_not_of("0123456789abcdefABCDEF") == std::string_view::npos;
}

}  // namespace

bool is_pci(std::string_view device) {
  std::string_view rest = device_name(device);
  const auto domain = base::split_first(rest, ':');
  const auto bus = base::split_first(rest, ':');
  const auto slot = base::split_first(rest, '.');
  return domain.size() == 4 && is_hex(domain) && bus.size() == 2 && is_hex(bus) &&
         slot.size() == 2 && is_hex(slot) && rest.size() == 1 && is_hex(rest);
}

std::string_view device_name(std::string_view device) { return device.substr(0, device.find(',')); }

std::string_view device_argument(std::string_view device, std::string_view key) {
  base::split_first(device, ',');
  while (!device.empty()) {
    std::string_view value = base::split_first(device, ',');
    if (base::split_first(value, '=') == key) return value;
  }
  return {};
}

bool is_af_packet(std::string_view device) { return device.starts_with("net_af_packet"); }

bool needs_root(std::string_view device) {
  return is_pci(device) || device.starts_with("net_af_") || device.starts_with("net_tap");
}

std::string with_queues(std::string_view device, std::uint32_t workers) {
  std::string out(device);
  if (workers > 1 && is_af_packet(device) && device_argument(device, "qpairs").empty()) {
    out += ",qpairs=" + std::to_string(workers);
  }
  return out;
}

}  // namespace tandem::port
