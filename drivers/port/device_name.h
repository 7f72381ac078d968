// What a site file's `device` names: a virtual device with its arguments, or a PCI address. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace tandem::port {

// "0000:3b:00.0", also with arguments behind a comma.
bool is_pci(std::string_view device);
// What DPDK calls it: "net_af_packet0" of "net_af_packet0,iface=sw0".
std::string_view device_name(std::string_view device);
// The value of one argument ("iface"), or empty.
std::string_view device_argument(std::string_view device, std::string_view key);
bool is_af_packet(std::string_view device);
// Talks to a kernel interface or to hardware, which only root may.
bool needs_root(std::string_view device);
// The device with as many queues as there are workers, where its arguments must say so.
std::string with_queues(std::string_view device, std::uint32_t workers);

}  // namespace tandem::port
