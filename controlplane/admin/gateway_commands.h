// The operator's commands about gateways: the book is changed on a thread of its own, which may
// wait for the disk; then, on the main thread, calls get the change, and the answer goes out.
// Owner: the main thread.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "controlplane/admin/control_socket.h"
#include "controlplane/loop/errand_thread.h"
#include "controlplane/routing/gateway_book.h"
#include "controlplane/routing/gateway_table.h"
#include "controlplane/routing/row_fields.h"
#include "drivers/base/clock.h"

namespace tandem::admin {

class GatewayCommands {
 public:
  static constexpr std::size_t kRowsMax = 100'000;

  struct Setup {
    loop::EventLoop& loop;
    routing::GatewayBook& book;  // our thread's from now on
    routing::GatewayTable& table;
    // The calls have these gateways now, new ones or changed; or this one is gone. Main thread;
    // `then` likewise, when everything else follows that.
    using Then = std::function<void()>;
    std::function<void(const std::vector<config::Gateway>&, Then then)> changed;
    std::function<void(const std::string& name, Then then)> gone;
    // Where it is reached by a registration, that one is there. Main thread.
    std::function<bool(const config::Gateway&)> registered{};
  };
  explicit GatewayCommands(Setup setup) : setup_(std::move(setup)) {}

  // False: it's none of these commands.
  bool run(const std::string& command, const Json& args, const Answer& answer);

 private:
  struct Import {
    std::uint64_t number = 0;
    bool csv = false;
    bool headed = false;
    bool keep_going = false;
    std::uint64_t lines = 0;
    std::optional<routing::RowFields> fields{};
    std::vector<routing::GatewayBook::Row> rows{};
    std::vector<store::RowFault> faults{};
  };

  void change(const std::string& command, const Json& args, const Answer& answer);
  void remove(const std::string& name, const Answer& answer);
  void show(const Json& args, const Answer& answer);
  void import(const std::string& step, const Json& args, const Answer& answer);
  base::Result<Json> import_rows(std::string_view text);
  void import_finish(const Answer& answer);
  void import_line(std::string_view line);
  Json gateway_json(const routing::GatewayEntry& entry, bool whole) const;

  Setup setup_;
  Import import_;
  loop::ErrandThread thread_{"gateways"};
};

}  // namespace tandem::admin
