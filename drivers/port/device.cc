#include "drivers/port/device.h"

#include <fmt/format.h>
#include <rte_errno.h>
#include <rte_ethdev.h>

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "drivers/port/device_name.h"

namespace tandem::port {

base::Result<Device> Device::open(const DeviceSettings& settings, rte_mempool* pool) {
  std::uint16_t number = 0;
  const std::string dpdk_name(device_name(settings.device));
  if (rte_eth_dev_get_port_by_name(dpdk_name.c_str(), &number) != 0) {
    return base::error(
        fmt::format("port {}: DPDK found no device {}{}", settings.name, dpdk_name,
                    is_pci(settings.device) ? "; is it bound to vfio-pci (dpdk-devbind.py)?" : ""));
  }
  Device device(settings, number);
  if (auto done = device.configure(pool); !done) return std::move(done).take_error();
  return device;
}

Device::Device(Device&& other) noexcept
    : settings_(std::move(other.settings_)),
      number_(other.number_),
      mac_(other.mac_),
      owned_(std::exchange(other.owned_, false)) {}

Device::~Device() {
  if (!owned_) return;
  rte_eth_dev_stop(number_);
  rte_eth_dev_close(number_);
}

base::Error Device::fault(const char* what, int code) const {
  return base::error(fmt::format("port {} ({}): {}: {}", settings_.name, settings_.device, what,
                                 rte_strerror(std::abs(code))));
}

base::Result<void> Device::configure(rte_mempool* pool) {
  rte_eth_dev_info info{};
  if (const int code = rte_eth_dev_info_get(number_, &info); code != 0) {
    return fault("doesn't say what it can do", code);
  }
  if (std::min(info.max_rx_queues, info.max_tx_queues) < settings_.queues) {
    return base::error(fmt::format(
        "port {} ({}): has {} receive and {} send queues, but each of {} workers needs one of both",
        settings_.name, settings_.device, info.max_rx_queues, info.max_tx_queues,
        settings_.queues));
  }
  rte_eth_conf conf{};
  const std::uint64_t spread =
      info.flow_type_rss_offloads &
      (RTE_ETH_RSS_IPV4 | RTE_ETH_RSS_FRAG_IPV4 | RTE_ETH_RSS_NONFRAG_IPV4_UDP);
  if (settings_.queues > 1 && spread != 0) {
    conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
    conf.rx_adv_conf.rss_conf.rss_hf = spread;
  }
  const std::uint16_t queues = settings_.queues;
  if (const int code = rte_eth_dev_configure(number_, queues, queues, &conf); code != 0) {
    return fault("can't be configured", code);
  }
  if (auto done = set_mtu(); !done) return done;
  std::uint16_t rx = kRxDescriptors;
  std::uint16_t tx = kTxDescriptors;
  rte_eth_dev_adjust_nb_rx_tx_desc(number_, &rx, &tx);
  const auto node = static_cast<unsigned>(rte_eth_dev_socket_id(number_));
  for (std::uint16_t queue = 0; queue < queues; ++queue) {
    int code = rte_eth_rx_queue_setup(number_, queue, rx, node, nullptr, pool);
    if (code == 0) code = rte_eth_tx_queue_setup(number_, queue, tx, node, nullptr);
    if (code != 0) return fault("a queue can't be set up", code);
  }
  if (const int code = rte_eth_dev_start(number_); code != 0) return fault("doesn't start", code);
  if (const int code = rte_eth_macaddr_get(number_, &mac_); code != 0) {
    return fault("doesn't tell its MAC address", code);
  }
  return {};
}

base::Result<void> Device::set_mtu() {
  std::uint16_t now = 0;
  if (rte_eth_dev_get_mtu(number_, &now) == 0 && now == settings_.mtu) return {};
  const int code = rte_eth_dev_set_mtu(number_, settings_.mtu);
  // A device without an MTU of its own takes any frame.
  if (code == 0 || code == -ENOTSUP) return {};
  return fault(fmt::format("refuses an MTU of {}", settings_.mtu).c_str(), code);
}

std::string Device::mac_text() const {
  const auto& m = mac_.addr_bytes;
  return fmt::format("{:02x}:{:02x}:{:02x}:{:02x}:{:02x}:{:02x}", m[0], m[1], m[2], m[3], m[4],
                     m[5]);
}

bool Device::link_up() const {
  rte_eth_link link{};
  return rte_eth_link_get_nowait(number_, &link) == 0 && link.link_status == RTE_ETH_LINK_UP;
}

DeviceLosses Device::losses() const {
  rte_eth_stats stats{};
  if (rte_eth_stats_get(number_, &stats) != 0) return {};
  return {stats.imissed, stats.rx_nombuf, stats.ierrors, stats.oerrors};
}

}  // namespace tandem::port
