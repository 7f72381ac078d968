#include "drivers/crypto/ipsec_mb.h"

#include <intel-ipsec-mb.h>

namespace tandem::crypto {
namespace {

// Measured: SHA-NI does one message after the other, faster than sixteen lanes with fewer than this
// many messages in them.
constexpr unsigned kFewOfSixteen = 11;

// The synchronous bursts came with this one.
constexpr unsigned kOldest = IMB_VERSION(1, 3, 0);

std::uint64_t needed_by(IpsecMb::Isa isa) {
  switch (isa) {
    case IpsecMb::Isa::kBest:
    case IpsecMb::Isa::kSse:
      return IMB_CPUFLAGS_SSE;
    case IpsecMb::Isa::kAvx:
      return IMB_CPUFLAGS_AVX;
    case IpsecMb::Isa::kAvx2:
      return IMB_CPUFLAGS_AVX2;
    case IpsecMb::Isa::kAvx512:
      return IMB_CPUFLAGS_AVX512;
  }
  return IMB_CPUFLAGS_SSE;
}

void init(IMB_MGR* manager, IpsecMb::Isa isa) {
  switch (isa) {
    case IpsecMb::Isa::kBest:
      return init_mb_mgr_auto(manager, nullptr);
    case IpsecMb::Isa::kSse:
      return init_mb_mgr_sse(manager);
    case IpsecMb::Isa::kAvx:
      return init_mb_mgr_avx(manager);
    case IpsecMb::Isa::kAvx2:
      return init_mb_mgr_avx2(manager);
    case IpsecMb::Isa::kAvx512:
      return init_mb_mgr_avx512(manager);
  }
}

}  // namespace

std::optional<std::string> ipsec_mb_fault(std::uint64_t features, std::uint64_t needed, int error,
                                          unsigned version) {
  if (version < kOldest) return "IPsec-MB is older than 1.3: install libipsec-mb1 1.3 or later";
  if ((features & needed) != needed) {
    return "this CPU lacks instructions that encryption of media needs (AES-NI, PCLMULQDQ, SSE4.2)";
  }
  if (error != 0) return "IPsec-MB doesn't start: " + std::string(imb_get_strerror(error));
  if ((features & IMB_FEATURE_SELF_TEST) != 0 && (features & IMB_FEATURE_SELF_TEST_PASS) == 0) {
    return "IPsec-MB fails its self-test on this CPU";
  }
  return std::nullopt;
}

void IpsecMb::Free::operator()(IMB_MGR* manager) const { free_mb_mgr(manager); }

base::Result<IpsecMb::Manager> IpsecMb::make(Isa isa) {
  Manager manager(alloc_mb_mgr(0));
  if (!manager) return base::error("no memory for IPsec-MB");
  // Asked before init, which would execute what the CPU doesn't have.
  const auto needed = needed_by(isa);
  if (auto fault = ipsec_mb_fault(imb_get_feature_flags(), needed, 0, imb_get_version())) {
    return base::error(std::move(*fault));
  }
  init(manager.get(), isa);
  const int error = imb_get_errno(manager.get());
  if (auto fault = ipsec_mb_fault(manager->features, needed, error, imb_get_version())) {
    return base::error(std::move(*fault));
  }
  return manager;
}

base::Result<IpsecMb> IpsecMb::open(Isa isa) {
  IpsecMb out;
  auto wide = make(isa);
  if (!wide) return std::move(wide).take_error();
  out.wide_ = std::move(*wide);
  if (out.wide_->used_arch == IMB_ARCH_AVX512) {
    out.lanes_ = 16;
    if ((out.wide_->features & IMB_FEATURE_SHANI) != 0) {
      auto narrow = make(Isa::kSse);
      if (!narrow) return std::move(narrow).take_error();
      out.narrow_ = std::move(*narrow);
      out.few_ = kFewOfSixteen;
    }
  }
  return out;
}

}  // namespace tandem::crypto
