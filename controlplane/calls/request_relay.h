// What becomes of a party's own request inside a call (INFO, MESSAGE, NOTIFY, SUBSCRIBE, REFER),
// and what its answer is to the party that asked. Pure; the call carries it out.
#pragma once

#include "controlplane/config/parameters.h"
#include "controlplane/sip/server_transactions.h"

namespace tandem::calls {

enum class RequestVerdict : std::uint8_t {
  kRelay,
  kRefuse,  // with the status that refusal_of() gives
};
RequestVerdict verdict_on(const sip::Message& request, const config::Parameters& parameters);
int refusal_of(sip::Method method, const sip::Environment& env);

// The far party's final response, as the asking party gets it. nullptr: none came, 408. What the
// response says about the far leg only (a challenge, a redirect, an overload) becomes a status that
// is true of us. `headers`: those of it that pass.
sip::Reply reply_of(const sip::Message* response, std::string_view headers);

// RFC 5057 §5.1: the far party doesn't know the call any longer, so the call is over.
bool ends_call(const sip::Message& response);

}  // namespace tandem::calls
