#include "controlplane/sip/response_head.h"

#include <algorithm>

#include "controlplane/sip/builder.h"

namespace tandem::sip {

std::optional<ResponseHead> ResponseHead::of(const Message& request, const base::Endpoint& source) {
  constexpr std::string_view kEnd = "Content-Length: 0\r\n\r\n";
  Builder out =
      start_response(message_scratch(), request, source.address.text(), source.port, 100, {}, {});
  out.copy(request, HeaderId::kRecordRoute);
  const auto text = out.finish();
  if (!text) return std::nullopt;
  std::string_view lines = *text;  // at least a Via
  lines.remove_prefix(lines.find('\n') + 1);
  lines.remove_suffix(kEnd.size());
  ResponseHead head;
  // No value holds a line end: what begins a line is a name. A request that deserves a 400 may lack
  // its To.
  const auto to = lines.find("\r\nTo: ");
  const auto to_end = to == std::string_view::npos ? 0 : lines.find("\r\n", to + 2);
  const auto routes = lines.find("\r\nRecord-Route: ");
  head.to_end_ = static_cast<std::uint32_t>(to_end);
  head.routes_ = static_cast<std::uint32_t>(std::min(routes, lines.size() - 2) + 2);
  head.lines_ = lines;
  head.takes_tag_ = to_end != 0 && request.to_tag().empty();
  head.dialog_can_begin_ = request.method() == Method::kInvite;
  return head;
}

std::optional<std::string_view> ResponseHead::build(const Reply& reply) const {
  const std::string_view lines = lines_;
  Builder out(message_scratch());
  out.response(reply.status, reply.reason.empty() ? reason_phrase(reply.status) : reply.reason)
      .written(lines.substr(0, to_end_));
  if (takes_tag_ && !reply.to_tag.empty()) out.written(";tag=").written(reply.to_tag);
  out.written(lines.substr(to_end_, routes_ - to_end_));
  // §12.1.1: what makes a dialog copies Record-Route.
  const bool makes_dialog = dialog_can_begin_ && reply.status > 100 && reply.status < 300;
  if (makes_dialog) out.written(lines.substr(routes_));
  for (const HeaderLine& line : reply.headers) out.header(line.id, line.value);
  out.written(reply.passed);
  return out.finish(reply.content_type, reply.body);
}

}  // namespace tandem::sip
