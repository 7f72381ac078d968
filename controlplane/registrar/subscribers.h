// What calls need to know of the accounts: which one an INVITE is from, whom a number means, and
// where that one is reached. Owner: the shard's thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "controlplane/registrar/binding_table.h"
#include "controlplane/registrar/contact.h"
#include "controlplane/registrar/doorkeeper.h"

namespace tandem::registrar {

class Subscribers {
 public:
  // All outlive this.
  struct Setup {
    sip::Environment& env;
    Doorkeeper& door;
    const AccountTable& accounts;
    BindingTable& bindings;
  };
  explicit Subscribers(const Setup& setup) : setup_(setup) {}

  struct Caller {
    std::string account;  // user@realm
    std::string number;   // who it may say that it is
  };
  // What an INVITE outside any dialog is answered with; none: `caller` says who it is from. Asked
  // for by 407 (RFC 3261 §22.3): the switch passes the call on.
  std::optional<sip::DoorAnswer> refuse(const sip::Message& invite, const sip::Path& path,
                                        Caller& caller);

  // Somebody has proven a password from there lately.
  bool knows(const base::IpAddress& source) const { return setup_.door.knows(source); }

  using Contact = registrar::Contact;
  struct Callee {
    std::string account;  // empty: a number whose account isn't registered
    // Those that answer, the one to be asked first comes first.
    std::vector<Contact> contacts{};
    bool offline = false;  // there are some, but none answers
  };
  // Whom a Request-URI means, by user name in a realm of ours (the caller's, unless the URI says
  // another), or by number (`digits`: its form for routing). None: nobody of ours.
  std::optional<Callee> find(const sip::Uri& target, std::string_view digits,
                             std::string_view callers_account) const;
  // Of an account by its name, user@realm.
  Callee devices_of(const std::string& account) const;

 private:
  void look_up(const AccountKey& key, Callee& out) const;
  std::string number_of(const sip::Message& invite, const Doorkeeper::Proof& proof) const;

  Setup setup_;
};

}  // namespace tandem::registrar
