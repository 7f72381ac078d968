#include "controlplane/sip/parser.h"

#include <cstring>

#include "drivers/base/text.h"

namespace tandem::sip {
namespace {

constexpr auto npos = std::string_view::npos;
constexpr std::string_view kVersion = "SIP/2.0";
constexpr std::uint64_t kCSeqMax = 0x7fffffff;  // §8.1.1.5
constexpr std::uint64_t kMaxForwardsMax = 255;  // §20.22
constexpr std::uint64_t kLengthMax = 1'000'000'000;

// `end` when it isn't there.
char* find_byte(char* begin, char* end, char wanted) {
  if (begin == end) return end;
  void* found = std::memchr(begin, wanted, static_cast<std::size_t>(end - begin));
  return found == nullptr ? end : static_cast<char*>(found);
}

bool has_blank(std::string_view text) { return text.find_first_of(" \t") != npos; }

// Once a message at most, or each time the same.
bool is_single(HeaderId id) {
  switch (id) {
    case HeaderId::kContentLength:
    case HeaderId::kCSeq:
    case HeaderId::kCallId:
    case HeaderId::kFrom:
    case HeaderId::kTo:
    case HeaderId::kMaxForwards:
      return true;
    default:
      return false;
  }
}

// The methods for which somebody will use the Contact. In others a broken one is ignored (§8.2): a
// BYE has to end its call.
bool uses_contact(Method method) {
  switch (method) {
    case Method::kInvite:
    case Method::kRegister:
    case Method::kSubscribe:
    case Method::kNotify:
    case Method::kUpdate:
    case Method::kRefer:
      return true;
    default:
      return false;
  }
}

}  // namespace

ParseOutcome Parser::parse(std::span<char> buffer, Message& message) {
  return Parser(buffer, message).run();
}

Parser::Parser(std::span<char> buffer, Message& message)
    : at_(buffer.data()), end_(buffer.data() + buffer.size()), message_(message) {}

ParseOutcome Parser::run() {
  // All but the header array's content, which counts only up to header_count_.
  message_.is_request_ = false;
  message_.method_ = Method::kOther;
  message_.status_ = 0;
  message_.method_name_ = message_.request_uri_ = message_.reason_ = {};
  message_.body_ = message_.call_id_ = {};
  message_.cseq_ = {};
  message_.from_ = message_.to_ = {};
  message_.top_via_ = {};
  message_.max_forwards_.reset();
  message_.header_count_ = 0;

  while (at_ != end_ && (*at_ == '\r' || *at_ == '\n')) ++at_;  // §7.5
  if (at_ == end_) return {ParseVerdict::kKeepalive, 0, {}};
  if (!read_start_line()) return {};
  read_headers();
  index_headers();
  if (!read_top_via()) return {};
  read_call_id();
  read_cseq();
  message_.from_ = read_party(HeaderId::kFrom, "Missing From", "Bad From");
  message_.to_ = read_party(HeaderId::kTo, "Missing To", "Bad To");
  read_body();
  if (message_.is_request_) check_request();

  if (status_ == 0) return {ParseVerdict::kOk, 0, {}};
  if (!message_.is_request_ || message_.method_ == Method::kAck) return {};
  return {ParseVerdict::kBadRequest, status_, reason_};
}

void Parser::fault(int status, std::string_view reason) {
  if (status_ != 0) return;
  status_ = status;
  reason_ = reason;
}

bool Parser::skip_empty_line() {
  if (*at_ == '\n') {
    ++at_;
    return true;
  }
  if (*at_ == '\r' && end_ - at_ >= 2 && at_[1] == '\n') {
    at_ += 2;
    return true;
  }
  return false;
}

// The next line without its end, which may be a bare LF (§7.3.1 asks for CRLF; not everybody sends
// it). REQUIRES: at_ != end_.
std::string_view Parser::take_line(bool unfold) {
  char* const begin = at_;
  char* stop = nullptr;
  for (char* from = begin; stop == nullptr;) {
    char* const lf = find_byte(from, end_, '\n');
    if (lf == end_) {
      last_line_ended_ = false;
      at_ = end_;
      stop = end_[-1] == '\r' ? end_ - 1 : end_;
      break;
    }
    char* const line_end = lf != begin && lf[-1] == '\r' ? lf - 1 : lf;
    from = lf + 1;
    if (unfold && from != end_ && base::is_space(*from)) {
      *line_end = *lf = ' ';
    } else {
      stop = line_end;
      at_ = from;
    }
  }
  // A CR of its own is no line end here, but might be one for whoever gets our copy of this text.
  for (char* cr = find_byte(begin, stop, '\r'); cr != stop; cr = find_byte(cr, stop, '\r')) {
    *cr = ' ';
    fault(400, "Stray CR");
  }
  return {begin, static_cast<std::size_t>(stop - begin)};
}

bool Parser::read_start_line() {
  const auto line = take_line(false);
  if (!last_line_ended_) return false;
  return base::istarts_with(line, "SIP/") ? read_status_line(line) : read_request_line(line);
}

bool Parser::read_status_line(std::string_view line) {
  const auto version = base::split_first(line, ' ');
  if (!base::iequals(version, kVersion)) return false;
  line = base::trim(line);
  const auto code = base::split_first(line, ' ');
  const auto status = base::parse_uint(code, 699);
  if (code.size() != 3 || !status || *status < 100) return false;
  message_.status_ = static_cast<int>(*status);
  message_.reason_ = base::trim(line);
  return true;
}

bool Parser::read_request_line(std::string_view line) {
  // More than one space between the parts is let pass, a blank behind the last one isn't
  // (RFC 4475 §3.1.2.9, §3.1.2.10).
  message_.method_name_ = base::split_first(line, ' ');
  const auto rest = base::trim(line);
  const auto last_space = rest.rfind(' ');
  if (message_.method_name_.empty() || last_space == npos) return false;
  const auto version = rest.substr(last_space + 1);
  if (!base::istarts_with(version, "SIP/")) return false;

  message_.is_request_ = true;
  message_.method_ = method_of(message_.method_name_);
  message_.request_uri_ = base::trim(rest.substr(0, last_space));
  if (!base::iequals(version, kVersion)) fault(505, "Version Not Supported");
  if (base::is_space(line.back())) fault(400, "Blank After SIP-Version");
  if (!is_token(message_.method_name_)) fault(400, "Bad Method");
  return true;
}

void Parser::read_headers() {
  while (at_ != end_) {
    if (skip_empty_line()) {
      headers_ended_ = true;
      return;
    }
    const auto line = take_line(true);
    if (message_.header_count_ == Message::kHeadersMax) {
      fault(400, "Too Many Headers");
      at_ = end_;
      return;
    }
    read_header_line(line);
  }
}

void Parser::read_header_line(std::string_view line) {
  const auto colon = line.find(':');
  auto name = line.substr(0, colon);
  while (!name.empty() && base::is_space(name.back())) name.remove_suffix(1);
  if (colon == npos || !is_token(name)) {
    // In a response it is passed over (§8.1.3, §16.3: what isn't needed needn't be right).
    if (message_.is_request_) fault(400, "Malformed Header");
    return;
  }
  Header& header = message_.headers_[message_.header_count_++];
  header.id = header_id(name);
  header.name = name;
  header.value = base::trim(line.substr(colon + 1));
}

void Parser::index_headers() {
  for (const Header& header : message_.headers()) {
    const Header*& slot = first_[static_cast<std::size_t>(header.id)];
    if (slot == nullptr)
      slot = &header;
    else if (is_single(header.id) && header.value != slot->value)
      fault(400, "Conflicting Headers");
  }
}

bool Parser::read_top_via() {
  const Header* header = first(HeaderId::kVia);
  if (header == nullptr) return false;
  auto rest = header->value;
  const auto via = parse_via(next_value(rest));
  if (!via) return false;
  message_.top_via_ = *via;
  return true;
}

void Parser::read_call_id() {
  const Header* header = first(HeaderId::kCallId);
  if (header == nullptr) return fault(400, "Missing Call-ID");
  message_.call_id_ = header->value;
  if (header->value.empty() || has_blank(header->value)) fault(400, "Bad Call-ID");
}

void Parser::read_cseq() {
  const Header* header = first(HeaderId::kCSeq);
  if (header == nullptr) return fault(400, "Missing CSeq");
  const auto digits = header->value.substr(0, header->value.find_first_of(" \t"));
  const auto method = base::trim(header->value.substr(digits.size()));
  const auto number = base::parse_uint(digits, kCSeqMax);
  message_.cseq_.number = static_cast<std::uint32_t>(number.value_or(0));
  message_.cseq_.method_name = method;
  message_.cseq_.method = method_of(method);
  if (!number || !is_token(method)) fault(400, "Bad CSeq");
}

NameAddr Parser::read_party(HeaderId id, std::string_view missing, std::string_view bad) {
  const Header* header = first(id);
  if (header == nullptr) {
    fault(400, missing);
    return {};
  }
  const auto party = parse_name_addr(header->value);
  if (party && !party->star) return *party;
  fault(400, bad);
  // The answer needs to know whether there is a tag already.
  NameAddr out;
  const auto close = header->value.rfind('>');
  const auto semicolon = header->value.find(';', close == npos ? 0 : close);
  if (semicolon != npos) out.params = header->value.substr(semicolon + 1);
  return out;
}

void Parser::read_max_forwards() {
  const Header* header = first(HeaderId::kMaxForwards);
  if (header == nullptr) return;  // RFC 2543 didn't have it
  const auto hops = base::parse_uint(header->value, kMaxForwardsMax);
  if (!hops) return fault(400, "Bad Max-Forwards");
  message_.max_forwards_ = static_cast<std::uint32_t>(*hops);
}

void Parser::read_body() {
  const std::string_view rest(at_, static_cast<std::size_t>(end_ - at_));
  const Header* header = first(HeaderId::kContentLength);
  // The empty line may be missing where nothing else is.
  if (!headers_ended_ && (header == nullptr || !last_line_ended_)) fault(400, "Truncated Message");
  if (header == nullptr) {
    message_.body_ = rest;
    return;
  }
  const auto length = base::parse_uint(header->value, kLengthMax);
  if (!length) return fault(400, "Bad Content-Length");
  if (*length > rest.size()) return fault(400, "Content-Length Beyond Message");
  message_.body_ = rest.substr(0, *length);
}

void Parser::check_request() {
  check_request_uri();
  if (message_.cseq_.method_name != message_.method_name_) {
    // RFC 4475 §3.1.2.18: for a method that nobody knows 501 says more.
    if (message_.method_ == Method::kOther)
      fault(501, "Not Implemented");
    else
      fault(400, "CSeq Method Mismatch");
  }
  read_max_forwards();
  check_vias();
  check_addresses(HeaderId::kRoute, "Bad Route");
  check_addresses(HeaderId::kRecordRoute, "Bad Record-Route");
  if (uses_contact(message_.method_)) check_addresses(HeaderId::kContact, "Bad Contact");
}

void Parser::check_request_uri() {
  const auto uri = parse_uri(message_.request_uri_);
  if (!uri) return fault(400, "Bad Request-URI");
  if (uri->scheme == Scheme::kOther) fault(416, "Unsupported URI Scheme");
}

void Parser::check_vias() {
  each_value(message_, HeaderId::kVia, [this](std::string_view value) {
    const auto via = parse_via(value);
    if (!via || !params_well_formed(via->params)) fault(400, "Bad Via");
  });
}

void Parser::check_addresses(HeaderId id, std::string_view bad) {
  if (first(id) == nullptr) return;
  each_value(message_, id, [&](std::string_view value) {
    const auto address = parse_name_addr(value);
    if (!address || (address->star && id != HeaderId::kContact)) fault(400, bad);
  });
}

}  // namespace tandem::sip
