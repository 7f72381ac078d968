// The calls' half of a user agent that only takes REGISTERs.
#pragma once

#include "controlplane/sip/user_agent.h"

namespace tandem::test {

// No gateway is known here: only REGISTER is for everybody.
class Nobody final : public sip::CallHandler {
 public:
  bool knows(const sip::Path&) override { return false; }
  void on_invite(sip::SessionId, sip::InviteSession&, const sip::Message&,
                 const sip::Path&) override {}
};

}  // namespace tandem::test
