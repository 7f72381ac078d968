// DPDK's af_packet driver has the kernel put IPv4 fragments together before it hands them over
// (PACKET_FANOUT_FLAG_DEFRAG, also with one queue), and cuts the result off at its frame size: no
// datagram larger than the MTU would ever arrive whole. The driver has no argument for that, and
// the kernel lets nobody take the flag back. So the program has its own setsockopt(), which the
// dynamic linker prefers to libc's: it takes out this one flag and passes everything else on. The
// link arguments in meson.build keep and export it.
#include <linux/if_packet.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstring>

namespace {

// The fan-out's type and flags are the upper half of the argument: packet(7).
constexpr int kDefragment = PACKET_FANOUT_FLAG_DEFRAG << 16;

}  // namespace

extern "C" int setsockopt(int socket, int level, int name, const void* value,
                          socklen_t bytes) noexcept {
  int fanout = 0;
  if (level == SOL_PACKET && name == PACKET_FANOUT && bytes == sizeof fanout) {
    std::memcpy(&fanout, value, sizeof fanout);
    fanout &= ~kDefragment;
    value = &fanout;
  }
  return static_cast<int>(syscall(SYS_setsockopt, socket, level, name, value, bytes));
}
