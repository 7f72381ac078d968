#include "controlplane/sip/options_request.h"

#include <fmt/format.h>

#include "controlplane/sip/builder.h"
#include "controlplane/sip/leg.h"
#include "drivers/base/text.h"

namespace tandem::sip {

std::string options_request(Environment& env, ClientTransactions& transactions,
                            const OptionsRequest& request) {
  Builder builder(message_scratch());
  builder.request("OPTIONS", request.uri)
      .header(HeaderId::kVia, transactions.via(request.id))
      .header(HeaderId::kMaxForwards, 70);
  if (!request.route.empty()) builder.header(HeaderId::kRoute, request.route);
  const bool secure = base::istarts_with(request.uri, "sips:");
  builder.pieces(HeaderId::kFrom, "<sip:", request.path.local.text(), ">;tag=", env.random.token())
      .pieces(HeaderId::kTo, "<", request.to, ">")
      .header(HeaderId::kCallId, fmt::format("s{}-{}", env.shard, env.random.token()))
      .header(HeaderId::kCSeq, "1 OPTIONS")
      .header(HeaderId::kContact, Leg::contact(request.path, secure))
      .header(HeaderId::kAccept, "application/sdp");
  return std::string(builder.finish().value_or(""));
}

}  // namespace tandem::sip
