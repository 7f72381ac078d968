// The operator's commands about routes and lists of numbers: run on a thread of their own, since
// they wait for the disk; answered on the main thread. Owner: the main thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "controlplane/admin/control_socket.h"
#include "controlplane/loop/errand_thread.h"
#include "controlplane/routing/list_book.h"
#include "controlplane/routing/route_book.h"
#include "drivers/base/clock.h"

namespace tandem::admin {

class RouteCommands {
 public:
  // How many routes, or entries of a list, are shown.
  static constexpr std::size_t kListed = 1000;
  // An import that is silent for this long is given up.
  static constexpr base::Nanos kImportPatience = base::Seconds{60};

  // The books are our thread's from now on. All outlive this; what is under way is finished first.
  struct Setup {
    loop::EventLoop& loop;
    routing::RouteBook& routes;
    routing::ListBook& lists;
    const config::Parameters& parameters;
  };
  explicit RouteCommands(const Setup& setup) : setup_(setup) {}

  // False: it's none of these commands.
  bool run(const std::string& command, const Json& args, const Answer& answer);

  // See RouteBook. After what was asked before; `then` on the main thread, when calls go by them.
  using Led = std::pair<routing::GatewayIndex, std::vector<routing::PrefixRoute>>;
  void lead(std::vector<Led> gateways, std::function<void()> then);

 private:
  // Each on the thread.
  base::Result<Json> work(const std::string& command, const Json& args);
  base::Result<Json> change_route(const std::string& command, const Json& args);
  base::Result<Json> show_routes(const Json& args);
  base::Result<Json> test(const Json& args);
  base::Result<Json> change_window(const std::string& command, const Json& args);
  Json windows_json() const;
  base::Result<Json> change_list(const std::string& command, const Json& args);
  base::Result<Json> show_lists(const Json& args);
  base::Result<Json> import(bool of_list, const std::string& step, const Json& args);
  base::Result<Json> begin_import(bool of_list, const Json& args);

  Json route_json(const routing::PrefixRoute& route) const;
  Json routes_json(const std::vector<routing::PrefixRoute>& routes) const;
  // What each list says of a call; a caller list only where the caller is known.
  Json verdicts(const std::string& caller, const std::string& callee) const;

  Setup setup_;
  base::KernelRandom random_{};  // the thread's, as the rest
  routing::WeekClock clock_{};
  std::unique_ptr<routing::RowImport> import_{};
  std::uint64_t import_number_ = 0;  // the latest one's
  base::Nanos import_touched_{};
  loop::ErrandThread thread_{"routes"};
};

// The value of a key: a text, or numbers and flags as text; empty: it isn't there.
std::string text_of(const Json& args, const char* key);

}  // namespace tandem::admin
