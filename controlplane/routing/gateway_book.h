// The gateways that an operator has set while the switch runs, in the store, beside those of the
// site file. What is set of a gateway of the file lies over what the file says. Each change is
// looked at as a whole (addresses that two would share, a port that there isn't), is on disk before
// it is answered as done, and then goes to the calls. Owner: one thread at a time.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "controlplane/config/gateway_reader.h"
#include "controlplane/store/database.h"
#include "controlplane/store/import_report.h"

namespace tandem::routing {

class GatewayBook {
 public:
  struct Setup {
    std::string path;
    const config::Site& site;  // its gateways are those of the file; outlives this
    config::GatewayChecks checks{};
    // Why a gateway can't go, or take calls no longer: a route that leads to it. Empty: it can.
    std::function<std::string(const std::string& name)> needed_by{};
  };
  // Reads them all. What no longer fits the site file is left out, and said in `left_out`.
  static base::Result<std::unique_ptr<GatewayBook>> open(Setup setup);

  // As they stand: first those of the file, in its order.
  const std::vector<config::Gateway>& gateways() const { return gateways_; }
  const std::vector<std::string>& left_out() const { return left_out_; }
  const config::Gateway* find(std::string_view name) const;
  // The file has a gateway of this name.
  bool in_file(std::string_view name) const;
  // What was set of it here.
  config::Words set_words(const std::string& name) const;

  // Name and kind stand among the words.
  base::Result<config::Gateway> add(config::Words words);
  // Other words stay as they are; one without a value goes, and what it means by default, or by the
  // file, is true again.
  base::Result<config::Gateway> set(const std::string& name, const config::Words& words);
  base::Result<void> remove(const std::string& name);

  struct Row {
    std::uint64_t line;
    config::Words words;
  };
  struct Import {
    std::vector<config::Gateway> taken{};
    store::ImportReport report{};
  };
  // Each row adds a gateway, or sets what it names of one. One transaction.
  base::Result<Import> import(const std::vector<Row>& rows, bool keep_going);

 private:
  // The words of one gateway in the store.
  using Stored = std::map<std::string, std::string>;

  GatewayBook(Setup setup, store::Database database, store::Statement put, store::Statement erase);

  base::Result<void> load();
  // With these words of the store, if there would be no fault.
  base::Result<config::Gateway> read(const std::string& name, const Stored& stored) const;
  base::Result<Stored> merged(const std::string& name, const config::Words& words,
                              bool is_new) const;
  base::Result<void> write(const std::string& name, const Stored& stored);
  void take(const config::Gateway& gateway);

  Setup setup_;
  store::Database database_;
  store::Statement put_;
  store::Statement erase_;
  std::map<std::string, Stored> stored_;
  std::vector<config::Gateway> gateways_;
  std::vector<std::string> left_out_;
};

}  // namespace tandem::routing
