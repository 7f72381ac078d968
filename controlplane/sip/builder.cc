#include "controlplane/sip/builder.h"

#include <array>

#include <algorithm>

#include "drivers/base/endpoint.h"
#include "drivers/base/text.h"

namespace tandem::sip {
namespace {

struct ReasonRow {
  int status;
  std::string_view phrase;
};

// RFC 3261 §21 unless said otherwise; rising.
constexpr ReasonRow kReasons[] = {
    {100, "Trying"},
    {180, "Ringing"},
    {181, "Call Is Being Forwarded"},
    {182, "Queued"},
    {183, "Session Progress"},
    {199, "Early Dialog Terminated"},  // RFC 6228
    {200, "OK"},
    {202, "Accepted"},         // RFC 3265
    {204, "No Notification"},  // RFC 5839
    {300, "Multiple Choices"},
    {301, "Moved Permanently"},
    {302, "Moved Temporarily"},
    {305, "Use Proxy"},
    {380, "Alternative Service"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {402, "Payment Required"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {407, "Proxy Authentication Required"},
    {408, "Request Timeout"},
    {410, "Gone"},
    {412, "Conditional Request Failed"},  // RFC 3903
    {413, "Request Entity Too Large"},
    {414, "Request-URI Too Long"},
    {415, "Unsupported Media Type"},
    {416, "Unsupported URI Scheme"},
    {417, "Unknown Resource-Priority"},  // RFC 4412
    {420, "Bad Extension"},
    {421, "Extension Required"},
    {422, "Session Interval Too Small"},  // RFC 4028
    {423, "Interval Too Brief"},
    {424, "Bad Location Information"},          // RFC 6442
    {428, "Use Identity Header"},               // RFC 8224
    {429, "Provide Referrer Identity"},         // RFC 3892
    {430, "Flow Failed"},                       // RFC 5626
    {433, "Anonymity Disallowed"},              // RFC 5079
    {436, "Bad Identity Info"},                 // RFC 8224
    {437, "Unsupported Credential"},            // RFC 8224
    {438, "Invalid Identity Header"},           // RFC 8224
    {439, "First Hop Lacks Outbound Support"},  // RFC 5626
    {440, "Max-Breadth Exceeded"},              // RFC 5393
    {469, "Bad Info Package"},                  // RFC 6086
    {470, "Consent Needed"},                    // RFC 5360
    {480, "Temporarily Unavailable"},
    {481, "Call/Transaction Does Not Exist"},
    {482, "Loop Detected"},
    {483, "Too Many Hops"},
    {484, "Address Incomplete"},
    {485, "Ambiguous"},
    {486, "Busy Here"},
    {487, "Request Terminated"},
    {488, "Not Acceptable Here"},
    {489, "Bad Event"},  // RFC 6665
    {491, "Request Pending"},
    {493, "Undecipherable"},
    {494, "Security Agreement Required"},  // RFC 3329
    {500, "Server Internal Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Server Time-out"},
    {505, "Version Not Supported"},
    {513, "Message Too Large"},
    {555, "Push Notification Service Not Supported"},  // RFC 8599
    {580, "Precondition Failure"},                     // RFC 3312
    {600, "Busy Everywhere"},
    {603, "Decline"},
    {604, "Does Not Exist Anywhere"},
    {606, "Not Acceptable"},
    {607, "Unwanted"},  // RFC 8197
    {608, "Rejected"},  // RFC 8688
};
static_assert(std::is_sorted(std::begin(kReasons), std::end(kReasons),
                             [](const auto& a, const auto& b) { return a.status < b.status; }));

// RFC 3581 §4: is what the peer calls itself where its request came from?
bool same_host(std::string_view sent_by, std::string_view source) {
  if (sent_by == source) return true;
  const auto named = base::IpAddress::parse(sent_by);
  return named && named == base::IpAddress::parse(source);
}

}  // namespace

void Builder::put_text(std::string_view text) {
  // No early end: so the compiler looks at many characters at once.
  bool ends_line = false;
  for (const char c : text) ends_line |= c == '\r' || c == '\n';
  refused_ = refused_ || ends_line;
  out_ << text;
}

Builder& Builder::request(std::string_view method, std::string_view uri) {
  put(method);
  out_ << ' ';
  put(uri);
  out_ << " SIP/2.0\r\n";
  return *this;
}

Builder& Builder::response(int status, std::string_view reason) {
  out_ << "SIP/2.0 " << static_cast<std::uint64_t>(status) << ' ';
  put(reason);
  out_ << "\r\n";
  return *this;
}

Builder& Builder::header(HeaderId id, std::string_view value) { return pieces(id, value); }

Builder& Builder::header(HeaderId id, std::uint64_t value) { return pieces(id, value); }

Builder& Builder::header(std::string_view name, std::string_view value) {
  put(name);
  out_ << ": ";
  put(value);
  out_ << "\r\n";
  return *this;
}

Builder& Builder::copy(const Message& from, HeaderId id) {
  for (const Header& line : from.headers()) {
    if (line.id != id) continue;
    if (id == HeaderId::kOther)
      header(line.name, line.value);
    else
      header(id, line.value);
  }
  return *this;
}

std::optional<std::string_view> Builder::finish(std::string_view content_type,
                                                std::string_view body) {
  if (!body.empty() && !content_type.empty()) header(HeaderId::kContentType, content_type);
  header(HeaderId::kContentLength, static_cast<std::uint64_t>(body.size()));
  out_ << "\r\n" << body;
  if (refused_ || out_.overflowed()) return std::nullopt;
  return out_.view();
}

std::string copy_of(const Message& message) {
  Builder out(message_scratch());
  if (message.is_request())
    out.request(message.method_name(), message.request_uri());
  else
    out.response(message.status(), message.reason());
  for (const Header& line : message.headers()) {
    if (line.id != HeaderId::kContentLength) out.header(line.name, line.value);
  }
  return std::string(out.finish({}, message.body()).value_or(std::string_view{}));
}

std::span<char> message_scratch() {
  thread_local std::array<char, 65535> scratch;
  return scratch;
}

std::string_view reason_phrase(int status) {
  const auto row =
      std::lower_bound(std::begin(kReasons), std::end(kReasons), status,
                       [](const ReasonRow& r, int wanted) { return r.status < wanted; });
  if (row != std::end(kReasons) && row->status == status) return row->phrase;
  switch (status / 100) {
    case 1:
      return "Session Progress";
    case 2:
      return "OK";
    case 3:
      return "Multiple Choices";
    case 4:
      return "Bad Request";
    case 5:
      return "Server Internal Error";
    default:
      return "Decline";
  }
}

// The first Via line of a response: RFC 3261 §18.2.1, RFC 3581 §4. Whatever else its top value says
// goes back as it came, and so do the values behind it in the same line.
void Builder::top_via(const Message& request, std::string_view source_address,
                      std::uint16_t source_port) {
  auto rest = request.value(HeaderId::kVia);
  const auto top = next_value(rest);
  const Via& via = request.top_via();
  const bool add_received = via.rport || !same_host(via.host, source_address);
  auto params = via.params;
  out_ << header_start(HeaderId::kVia);
  put(base::trim(top.substr(0, top.find(';'))));
  while (!params.empty()) {
    const auto param = next_param(params);
    auto value = param;
    const auto name = base::trim(base::split_first(value, '='));
    if (param.empty() || base::iequals(name, "received")) continue;  // ours, not the peer's to say
    out_ << ';';
    put(param);
    if (via.rport && base::iequals(name, "rport")) {
      out_ << (param.size() == name.size() ? "=" : "") << std::uint64_t{source_port};
    }
  }
  if (add_received) {
    out_ << ";received=";
    put(source_address);
  }
  if (!rest.empty()) {
    out_ << ", ";
    put(base::trim(rest));
  }
  out_ << "\r\n";
}

Builder start_response(std::span<char> buffer, const Message& request,
                       std::string_view source_address, std::uint16_t source_port, int status,
                       std::string_view reason, std::string_view to_tag) {
  Builder out(buffer);
  out.response(status, reason.empty() ? reason_phrase(status) : reason);
  bool top = true;
  for (const Header& line : request.headers()) {
    if (line.id != HeaderId::kVia) continue;
    if (top)
      out.top_via(request, source_address, source_port);
    else
      out.header(HeaderId::kVia, line.value);
    top = false;
  }
  // A request that deserves a 400 may lack some of them, or have them twice.
  for (const HeaderId id : {HeaderId::kFrom, HeaderId::kTo, HeaderId::kCallId, HeaderId::kCSeq}) {
    const Header* line = request.find(id);
    if (line == nullptr) continue;
    const bool tagged = id != HeaderId::kTo || to_tag.empty() || !request.to_tag().empty();
    if (tagged)
      out.header(id, line->value);
    else
      out.pieces(id, line->value, ";tag=", to_tag);
  }
  return out;
}

}  // namespace tandem::sip
