// Call records put together: the journal, and each shard's memory of open calls. Made by main
// before the shards, which it outlives; what a killed former life left is in the journal's queue
// when open() returns.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "controlplane/cdr/journal.h"
#include "controlplane/cdr/open_calls.h"
#include "controlplane/cdr/recovery.h"
#include "controlplane/config/site.h"

namespace tandem {

class Records {
 public:
  // Not while another control plane of the same segment lives.
  static base::Result<std::unique_ptr<Records>> open(const config::Site& site);

  cdr::Journal& journal() { return journal_; }
  cdr::OpenCalls& open_calls(std::uint32_t shard) { return *open_calls_[shard]; }
  const cdr::Recovered& recovered() const { return recovered_; }

  // We live: calls that are up now are up at least until now.
  void beat();

 private:
  explicit Records(const config::Site& site);
  base::Result<void> open_memory(const config::Site& site);

  // The shards', then those of more shards that a former life had. The journal's writer frees their
  // slots: it ends first.
  std::vector<std::unique_ptr<cdr::OpenCalls>> open_calls_;
  cdr::Journal journal_;
  cdr::Recovered recovered_;
};

}  // namespace tandem
