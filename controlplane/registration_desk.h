// Our registrations with others between the operator and the shards: what the book has is given to
// every shard, with where its server is, and again whenever one of the two changes. Owner: the main
// thread; the book is a thread's of its own once commands run.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
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

 private:
  struct Desired {
    registrar::OutboundOrder order;
    std::uint64_t followed = 0;  // by the resolver; 0: its address is known
  };

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
};

}  // namespace tandem
