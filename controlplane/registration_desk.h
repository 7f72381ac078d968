// Our registrations with others between the operator and the shards: what the book has is given to
// every shard, with where its server is, and again whenever one of the two changes. Owner: the main
// thread; the book is a thread's of its own once commands run.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "controlplane/admin/registration_commands.h"
#include "controlplane/loop/event_loop.h"
#include "controlplane/registrar/outbound_book.h"
#include "controlplane/sip/resolver.h"

namespace tandem {

class RegistrationDesk {
 public:
  // Both outlive this.
  RegistrationDesk(loop::EventLoop& loop, const config::Site& site) : loop_(loop), site_(site) {}
  RegistrationDesk(const RegistrationDesk&) = delete;
  RegistrationDesk& operator=(const RegistrationDesk&) = delete;

  // Opens the book, if the site has a store.
  base::Result<void> open();
  // Begins with all that the book has. Both outlive this.
  void begin(sip::Resolver& resolver, std::vector<admin::RegistrationShard> shards);

  // nullptr: there is no store.
  registrar::OutboundBook* book() { return book_.get(); }

  // There is one of this name. Any thread.
  bool has(std::string_view name) const;
  // What keeps a registration from being removed; empty: nothing. Before any command runs; called
  // on the book's thread.
  void hold(std::function<std::string(const std::string& name)> needed_by) {
    needed_by_ = std::move(needed_by);
  }
  // A shard says that one is registered, or no longer. Any thread.
  void told(const std::string& name, bool registered);
  bool registered(const std::string& name) const { return registered_.contains(name); }

 private:
  struct Desired {
    registrar::OutboundOrder order;
    std::uint64_t followed = 0;  // by the resolver; 0: its address is known
  };

  void note_name(const std::string& name, bool is_there);
  void change(const registrar::OutboundRecord& record);
  void remove(const std::string& name);
  void seek(const std::string& name, const config::HostName& host);
  void publish(const registrar::OutboundOrder& order);

  loop::EventLoop& loop_;
  const config::Site& site_;
  std::unique_ptr<registrar::OutboundBook> book_;
  sip::Resolver* resolver_ = nullptr;
  std::vector<admin::RegistrationShard> shards_;
  std::map<std::string, Desired> desired_;
  std::set<std::string> registered_;
  std::function<std::string(const std::string& name)> needed_by_;
  mutable std::mutex names_door_;
  std::set<std::string, std::less<>> names_;  // the book's
};

}  // namespace tandem
