// A network port: a NIC or a virtual device, with a receive and a send queue for each worker.
// Owner: dataplane main; the queues belong to their workers. The checksum work is ours, no offload
// is asked.
#pragma once

#include <rte_ether.h>

#include <cstdint>
#include <string>

#include "drivers/base/result.h"

struct rte_mempool;

namespace tandem::port {

inline constexpr std::uint16_t kRxDescriptors = 1024;
inline constexpr std::uint16_t kTxDescriptors = 1024;
inline constexpr std::uint32_t kHandoverPackets = 512;  // in the ring from one worker to another

struct DeviceSettings {
  std::string name;    // the operator's, for the log
  std::string device;  // as the site file names it
  std::uint16_t mtu = 1500;
  std::uint16_t queues = 1;
};

// What the device itself lost, in total since it started.
struct DeviceLosses {
  std::uint64_t missed = 0;     // its receive queue was full
  std::uint64_t no_buffer = 0;  // the pool was empty
  std::uint64_t rx_errors = 0;
  std::uint64_t tx_errors = 0;

  std::uint64_t sum() const { return missed + no_buffer + rx_errors + tx_errors; }
};

class Device {
 public:
  // Configures and starts it. After start_eal().
  static base::Result<Device> open(const DeviceSettings& settings, rte_mempool* pool);
  Device(Device&& other) noexcept;
  Device& operator=(Device&&) = delete;
  // Stops and closes it: no worker may use its queues any more.
  ~Device();

  const std::string& name() const { return settings_.name; }
  std::uint16_t number() const { return number_; }
  const rte_ether_addr& mac() const { return mac_; }
  std::string mac_text() const;

  bool link_up() const;
  DeviceLosses losses() const;

 private:
  Device(DeviceSettings settings, std::uint16_t number)
      : settings_(std::move(settings)), number_(number) {}
  base::Result<void> configure(rte_mempool* pool);
  base::Result<void> set_mtu();
  base::Error fault(const char* what, int code) const;

  DeviceSettings settings_;
  std::uint16_t number_;
  rte_ether_addr mac_{};
  bool owned_ = true;  // false: moved from
};

}  // namespace tandem::port
