#include "controlplane/calls/request_relay.h"

namespace tandem::calls {
namespace {

constexpr auto npos = std::string_view::npos;

int status_for_asker(int status) {
  if (status >= 300 && status < 400) return 480;
  switch (status) {
    case 401:
    case 407:
      return 403;
    case 420:
    case 421:
    case 503:
      return 500;
    default:
      return status;
  }
}

}  // namespace

RequestVerdict verdict_on(const sip::Message& request, const config::Parameters& parameters) {
  using config::Parameters;
  switch (request.method()) {
    case sip::Method::kSubscribe:
    case sip::Method::kNotify:
      return parameters.TD_SIP_SUBSCRIBE == Parameters::Subscribe::relay ? RequestVerdict::kRelay
                                                                         : RequestVerdict::kRefuse;
    case sip::Method::kRefer: {
      // A Replaces in it names a dialog of ours, of which the other party knows nothing.
      const bool attended = request.value(sip::HeaderId::kReferTo).find('?') != npos;
      return parameters.TD_SIP_REFER == Parameters::Refer::relay && !attended
                 ? RequestVerdict::kRelay
                 : RequestVerdict::kRefuse;
    }
    default:
      return RequestVerdict::kRelay;
  }
}

int refusal_of(sip::Method method, const sip::Environment& env) {
  if (method == sip::Method::kRefer) return 603;
  // RFC 6665 §8.3.2: a 489 lists what else could be had.
  return env.allow_events.empty() ? 405 : 489;
}

sip::Reply reply_of(const sip::Message* response, std::string_view headers) {
  if (response == nullptr) return {.status = 408};
  const int status = status_for_asker(response->status());
  if (status != response->status()) return {.status = status};
  return {.status = status,
          .reason = response->reason(),
          .passed = headers,
          .content_type = response->value(sip::HeaderId::kContentType),
          .body = response->body()};
}

bool ends_call(const sip::Message& response) {
  // A subscription or a transfer has a usage of its own, which ends alone.
  const auto method = response.cseq().method;
  const bool of_the_call = method == sip::Method::kInfo || method == sip::Method::kMessage;
  return of_the_call && response.status() == 481;
}

}  // namespace tandem::calls
