#include "controlplane/records.h"

#include <fmt/format.h>

#include <filesystem>
#include <utility>

#include "controlplane/calls/release_cause.h"
#include "drivers/wire/plan.h"

namespace tandem {

Records::Records(const config::Site& site)
    : journal_(site.parameters.SERVER_MAX_CDR_PENDING_LIST_LENGTH,
               site.parameters.SERVER_BILLING_HOLD_TIME_PRECISION,
               {.interval = site.parameters.SERVER_CDR_FILE_WRITE_INTERVAL,
                .exported_max = site.parameters.SERVER_CDR_FILE_WRITE_MAX}) {}

base::Result<std::unique_ptr<Records>> Records::open(const config::Site& site) {
  std::unique_ptr<Records> records(new Records(site));
  if (auto opened = records->open_memory(site); !opened) return std::move(opened).take_error();
  if (auto opened = records->journal_.open(site.cdr_journal); !opened) {
    return std::move(opened).take_error();
  }
  const auto lost = calls::release_info(calls::ReleaseCause::ControlPlaneLost).name;
  for (auto& calls : records->open_calls_) {
    const cdr::Recovered found = cdr::recover(*calls, records->journal_, lost);
    records->recovered_.finished += found.finished;
    records->recovered_.up += found.up;
    records->recovered_.corrupt += found.corrupt;
  }
  records->beat();
  return records;
}

base::Result<void> Records::open_memory(const config::Site& site) {
  for (std::uint32_t shard = 0; shard < wire::kShardsMax; ++shard) {
    // Beside the corridor's segment.
    const auto path = fmt::format("/dev/shm/{}.calls-{}", site.corridor.segment, shard);
    if (shard >= site.corridor.plan.shards && !std::filesystem::exists(path)) continue;
    auto calls = std::make_unique<cdr::OpenCalls>();
    if (auto opened = calls->open(path); !opened) return opened;
    open_calls_.push_back(std::move(calls));
  }
  return {};
}

void Records::beat() {
  const std::int64_t now = base::wall_ms_now();
  for (auto& calls : open_calls_) calls->beat(now);
}

}  // namespace tandem
