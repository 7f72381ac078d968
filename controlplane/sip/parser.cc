#include "controlplane/sip/parser.h"

#include <bit>
#include <cstring>

#include "controlplane/sip/header_names.h"
#include "drivers/base/byte_block.h"
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

bool has_blank(std::string_view text) { return text.find(' ') != npos || text.find('\t') != npos; }

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
  return Parser(buffer, message).run<base::ByteBlock>();
}

ParseOutcome Parser::parse_plain(std::span<char> buffer, Message& message) {
  return Parser(buffer, message).run<base::PlainBlock>();
}

Parser::Parser(std::span<char> buffer, Message& message)
    : at_(buffer.data()), end_(buffer.data() + buffer.size()), message_(message) {}

template <typename Block>
ParseOutcome Parser::run() {
  message_.clear();
  while (at_ != end_ && (*at_ == '\r' || *at_ == '\n')) ++at_;  // §7.5
  if (at_ == end_) return {ParseVerdict::kKeepalive, 0, {}};
  if (!read_start_line()) return {};
  read_headers<Block>();
  if (conflicting_) fault(400, "Conflicting Headers");
  if (!read_top_via()) return {};
  read_call_id();
  read_cseq();
  read_party(HeaderId::kFrom, message_.from_, message_.from_tag_, "Missing From", "Bad From");
  read_party(HeaderId::kTo, message_.to_, message_.to_tag_, "Missing To", "Bad To");
  read_contact();
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
  // To whoever gets our copy of this text a CR might be a line end, and a NUL the end of all. Only
  // behind a backslash may a quoted string have one (§25.1, quoted-pair).
  for (char* nul = find_byte(begin, stop, '\0'); nul != stop;
       nul = find_byte(nul + 1, stop, '\0')) {
    if (nul == begin || nul[-1] != '\\') fault(400, "NUL In Header");
  }
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

template <typename Block>
void Parser::read_headers() {
  while (at_ != end_) {
    if (skip_empty_line()) {
      headers_ended_ = true;
      return;
    }
    if (message_.header_count_ == Message::kHeadersMax) {
      fault(400, "Too Many Headers");
      at_ = end_;
      return;
    }
    if (!read_plain_line<Block>()) read_odd_line();
  }
}

// "Name: value" with CRLF behind it, as nearly all lines are. False: it is none such, or begins
// with more than a block of name, and nothing was read.
template <typename Block>
bool Parser::read_plain_line() {
  const auto size = static_cast<std::size_t>(end_ - at_);
  const auto head = base::load_part<Block>(at_, size);
  std::uint32_t controls = head.controls();
  std::size_t stop = 0;
  while (controls == 0) {
    stop += Block::kSize;
    if (stop >= size) return false;
    controls = base::load_part<Block>(at_ + stop, size - stop).controls();
  }
  stop += static_cast<std::size_t>(std::countr_zero(controls));
  // What follows tells whether this line is folded.
  if (size - stop < 3 || at_[stop] != '\r' || at_[stop + 1] != '\n') return false;
  if (base::is_space(at_[stop + 2])) return false;

  const auto colon = static_cast<std::size_t>(std::countr_zero(head.equal(':')));
  if (colon >= std::min(stop, Block::kSize)) return false;
  const HeaderId id = header_names::find(head, at_, colon);
  const std::string_view name(at_, colon);
  if (id == HeaderId::kOther && !is_token(name)) return false;
  std::size_t begin = colon + 1;
  std::size_t end = stop;
  while (begin != end && at_[begin] == ' ') ++begin;
  while (begin != end && at_[end - 1] == ' ') --end;
  add_header(id, name, {at_ + begin, end - begin});
  at_ += stop + 2;
  return true;
}

// Any line.
void Parser::read_odd_line() {
  const auto line = take_line(true);
  const auto colon = line.find(':');
  auto name = line.substr(0, colon);
  while (!name.empty() && base::is_space(name.back())) name.remove_suffix(1);
  if (colon == npos || !is_token(name)) {
    // In a response it is passed over (§8.1.3, §16.3: what isn't needed needn't be right).
    if (message_.is_request_) fault(400, "Malformed Header");
    return;
  }
  add_header(header_id(name), name, base::trim(line.substr(colon + 1)));
}

void Parser::add_header(HeaderId id, std::string_view name, std::string_view value) {
  auto& lines = message_.room_.lines;
  lines[message_.header_count_++] = {id, name, value};
  auto& first = message_.first_[static_cast<std::size_t>(id)];
  if (first == 0) {
    first = static_cast<std::uint8_t>(message_.header_count_);
  } else if (is_single(id) && value != lines[first - 1u].value) {
    conflicting_ = true;
  }
}

bool Parser::read_top_via() {
  const Header* header = message_.find(HeaderId::kVia);
  if (header == nullptr) return false;
  more_vias_ = header->value;
  if (read_via(next_value(more_vias_), message_.top_via_)) return true;
  message_.top_via_ = {};
  return false;
}

void Parser::read_call_id() {
  const Header* header = message_.find(HeaderId::kCallId);
  if (header == nullptr) return fault(400, "Missing Call-ID");
  message_.call_id_ = header->value;
  if (header->value.empty() || has_blank(header->value)) fault(400, "Bad Call-ID");
}

void Parser::read_cseq() {
  const Header* header = message_.find(HeaderId::kCSeq);
  if (header == nullptr) return fault(400, "Missing CSeq");
  const auto digits = header->value.substr(0, header->value.find_first_of(" \t"));
  const auto method = base::trim(header->value.substr(digits.size()));
  const auto number = base::parse_uint(digits, kCSeqMax);
  message_.cseq_.number = static_cast<std::uint32_t>(number.value_or(0));
  message_.cseq_.method_name = method;
  if (message_.is_request_ && method == message_.method_name_) {
    message_.cseq_.method = message_.method_;
  } else {
    message_.cseq_.method = method_of(method);
  }
  const bool known = message_.cseq_.method != Method::kOther;
  if (!number || (!known && !is_token(method))) fault(400, "Bad CSeq");
}

void Parser::read_party(HeaderId id, NameAddr& party, std::string_view& tag,
                        std::string_view missing, std::string_view bad) {
  const std::size_t line = message_.first_[static_cast<std::size_t>(id)];
  if (line == 0) return fault(400, missing);
  std::string_view& value = message_.room_.lines[line - 1].value;
  const bool readable = read_name_addr(value, party, tag) && !party.star;
  // A tag without a value is none, and another one behind it would not be found.
  if (readable && !(tag.empty() && party.tag())) {
    // A ';' too many at the end is let pass, but who copies the value may put a tag behind it.
    if (value.ends_with(';')) value = base::trim(value.substr(0, value.size() - 1));
    return;
  }
  fault(400, bad);
  party = {};
  // The answer needs to know whether there is a tag already.
  const auto close = value.rfind('>');
  const auto semicolon = value.find(';', close == npos ? 0 : close);
  if (semicolon != npos) party.params = value.substr(semicolon + 1);
  tag = party.tag().value_or(std::string_view{});
}

void Parser::read_contact() {
  more_contacts_ = message_.value(HeaderId::kContact);
  if (more_contacts_.empty()) return;
  message_.contact_ = {};
  std::string_view tag;
  message_.has_contact_ = read_name_addr(next_value(more_contacts_), message_.contact_, tag);
}

void Parser::read_max_forwards() {
  const Header* header = message_.find(HeaderId::kMaxForwards);
  if (header == nullptr) return;  // RFC 2543 didn't have it
  const auto hops = base::parse_uint(header->value, kMaxForwardsMax);
  if (!hops) return fault(400, "Bad Max-Forwards");
  message_.max_forwards_ = static_cast<std::uint32_t>(*hops);
}

void Parser::read_body() {
  const std::string_view rest(at_, static_cast<std::size_t>(end_ - at_));
  const Header* header = message_.find(HeaderId::kContentLength);
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
  check_routes(HeaderId::kRoute, "Bad Route");
  check_routes(HeaderId::kRecordRoute, "Bad Record-Route");
  if (uses_contact(message_.method_)) check_contacts();
}

void Parser::check_request_uri() {
  if (!read_uri(message_.request_uri_, message_.target_)) {
    message_.target_ = {};
    return fault(400, "Bad Request-URI");
  }
  if (message_.target_.scheme == Scheme::kOther) fault(416, "Unsupported URI Scheme");
}

// Calls check(value) for what is behind the first value with this id: `rest` of its line, and all
// of the lines that follow. REQUIRES: there is such a line.
template <typename Check>
void Parser::check_more(HeaderId id, std::string_view rest, Check&& check) {
  while (!rest.empty()) check(next_value(rest));
  const auto lines = message_.headers();
  for (const Header& line : lines.subspan(message_.first_[static_cast<std::size_t>(id)])) {
    if (line.id != id) continue;
    for (rest = line.value; !rest.empty();) check(next_value(rest));
  }
}

// The top one was read already.
void Parser::check_vias() {
  if (!message_.top_via_.well_formed) fault(400, "Bad Via");
  check_more(HeaderId::kVia, more_vias_, [this](std::string_view value) {
    const auto via = parse_via(value);
    if (!via || !via->well_formed) fault(400, "Bad Via");
  });
}

// A route is gone by (§16.6): it has to be a SIP URI.
void Parser::check_routes(HeaderId id, std::string_view bad) {
  if (message_.find(id) == nullptr) return;
  each_value(message_, id, [&](std::string_view value) {
    const auto address = parse_name_addr(value);
    const auto scheme = address ? address->uri.scheme : Scheme::kOther;
    if (scheme != Scheme::kSip && scheme != Scheme::kSips) fault(400, bad);
  });
}

// A Contact may be anything, even a star. The first one was read already.
void Parser::check_contacts() {
  const Header* header = message_.find(HeaderId::kContact);
  if (header == nullptr) return;
  if (!message_.has_contact_ && !header->value.empty()) fault(400, "Bad Contact");
  check_more(HeaderId::kContact, more_contacts_, [this](std::string_view value) {
    if (!parse_name_addr(value)) fault(400, "Bad Contact");
  });
}

}  // namespace tandem::sip
