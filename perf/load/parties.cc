#include "perf/load/parties.h"

#include <fmt/format.h>

#include "drivers/base/text.h"

namespace tandem::perf {
namespace {

constexpr std::string_view kNumberPrefix = "49";
constexpr int kNumberDigits = 12;

// No media flows; a loopback address would be refused.
std::string description(std::string_view who, std::string_view host) {
  return fmt::format(
      "v=0\r\no={} 1790000000 1790000000 IN IP4 {}\r\ns=-\r\nc=IN IP4 {}\r\nt=0 0\r\n"
      "m=audio 18840 RTP/AVP 8 0 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\n"
      "a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\na=sendrecv\r\n",
      who, host, host);
}

std::string with_description(std::string message, const std::string& sdp) {
  return message + fmt::format("Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{}",
                               sdp.size(), sdp);
}

// Calls visit(name, whole line with its end) for each header line.
template <typename Visit>
void each_line(std::string_view message, Visit&& visit) {
  base::split_first(message, '\n');
  while (!message.empty() && message.front() != '\r') {
    const std::string_view line = message.substr(0, message.find('\n') + 1);
    message.remove_prefix(line.size());
    visit(line.substr(0, line.find(':')), line);
    if (line.empty()) return;
  }
}

std::string_view value_of(std::string_view line) {
  return base::trim(line.substr(line.find(':') + 1));
}

std::string_view header(std::string_view message, std::string_view name) {
  std::string_view found;
  each_line(message, [&](std::string_view its_name, std::string_view line) {
    if (found.empty() && base::iequals(its_name, name)) found = value_of(line);
  });
  return found;
}

// The call's number in "49NNNNNNNNNNNN@"; 0: none.
std::uint64_t number_in(std::string_view text) {
  const auto at = text.find('@');
  if (at == std::string_view::npos || at < kNumberDigits) return 0;
  const auto digits = text.substr(at - kNumberDigits, kNumberDigits);
  return base::parse_uint(digits, UINT64_MAX).value_or(0);
}

std::string response(std::string_view request, std::string_view status, std::string_view tag) {
  std::string out = fmt::format("SIP/2.0 {}\r\n", status);
  each_line(request, [&](std::string_view name, std::string_view line) {
    if (name == "To" && line.find(";tag=") == std::string_view::npos && !tag.empty()) {
      out += fmt::format("To: {};tag={}\r\n", value_of(line), tag);
    } else if (name == "Via" || name == "From" || name == "To" || name == "Call-ID" ||
               name == "CSeq" || name == "Record-Route") {
      out += line;
    }
  });
  return out;
}

}  // namespace

Parties::Parties(Wire& wire, const Addresses& addresses, Nanos hold)
    : wire_(wire),
      at_(addresses),
      device_(addresses.device.text()),
      caller_(addresses.caller.text()),
      callee_(addresses.callee.text()),
      hold_(hold),
      run_(fmt::format("{:x}", base::wall_ms_now())),
      calls_(kCallsMax) {}

Parties::Call* Parties::find(std::uint64_t number) {
  Call& call = place(number);
  return number != 0 && call.number == number && call.stage != Stage::kFree ? &call : nullptr;
}

std::uint32_t Parties::since(const Call& call) const {
  return static_cast<std::uint32_t>((base::monotonic_now() - call.began).count() / 1000);
}

bool Parties::start(Nanos now) {
  if (open_ == kCallsMax) return false;
  now_ = now;
  while (place(++next_number_).stage != Stage::kFree) {
  }
  Call& call = place(next_number_);
  call.number = next_number_;
  call.stage = Stage::kInviting;
  call.heard = false;
  call.answer.clear();
  const std::string to =
      fmt::format("sip:{}{:0{}}@{}", kNumberPrefix, call.number, kNumberDigits, device_);
  call.request = with_description(
      fmt::format("INVITE {} SIP/2.0\r\nVia: SIP/2.0/UDP {};branch=z9hG4bK-{}-{}-i;rport\r\n"
                  "Max-Forwards: 70\r\nFrom: \"Load\" <sip:4989555123@{}>;tag=c{}\r\nTo: <{}>\r\n"
                  "Call-ID: {}-{}@{}\r\nCSeq: 1 INVITE\r\nContact: <sip:4989555123@{}>\r\n"
                  "Allow: INVITE, ACK, CANCEL, BYE, OPTIONS\r\nUser-Agent: sip_load\r\n",
                  to, caller_, run_, call.number, caller_, call.number, to, run_, call.number,
                  at_.caller.address.text(), caller_),
      description("caller", "192.0.2.10"));
  call.began = base::monotonic_now();
  call.patience = now_ + kPatience + hold_;
  wire_.send(Party::kCaller, at_.device, call.request);
  repeats_.push_back({now_ + kRepeat, call.number});
  ++open_;
  ++figures_.started;
  return true;
}

void Parties::on_datagram(Party to, const Endpoint& from, std::string_view bytes) {
  if (to == Party::kCaller && bytes.starts_with("SIP/2.0 "))
    on_response(bytes);
  else if (to == Party::kCallee && !bytes.starts_with("SIP/2.0 "))
    on_request(from, bytes);
  else
    ++figures_.strays;
}

// --- the caller --------------------------------------------------------------------------------

void Parties::on_response(std::string_view bytes) {
  const auto status = base::parse_uint(bytes.substr(8, 3), 699).value_or(0);
  const std::string_view branch = header(bytes, "Via");
  const auto mark = branch.find(run_ + "-");
  std::string_view rest =
      mark == std::string_view::npos ? "" : branch.substr(mark + run_.size() + 1);
  const auto number = base::parse_uint(base::split_first(rest, '-'), UINT64_MAX).value_or(0);
  Call* call = find(number);
  if (call == nullptr || status < 100) {
    ++figures_.strays;
  } else if (rest.starts_with('i')) {
    on_invite_response(*call, static_cast<int>(status), bytes);
  } else if (status >= 200 && call->stage == Stage::kEnding) {
    ++(status < 300 ? figures_.completed : figures_.refused);
    free(*call);
  }
}

void Parties::on_invite_response(Call& call, int status, std::string_view bytes) {
  if (!call.heard) figures_.first_reply_us.push_back(since(call));
  call.heard = true;
  if (status < 200) return;
  if (status >= 300) {
    acknowledge_refusal(call, bytes);
    ++figures_.refused;
    free(call);
  } else if (call.stage == Stage::kInviting) {
    on_answer(call, bytes);
  } else {
    ++figures_.retransmitted;
    wire_.send(Party::kCaller, at_.device, call.ack);
  }
}

void Parties::on_answer(Call& call, std::string_view bytes) {
  figures_.setup_us.push_back(since(call));
  call.stage = Stage::kTalking;
  std::string routes;  // the last Record-Route is the first hop (RFC 3261 §12.1.2)
  std::string parties;
  call.target.clear();
  each_line(bytes, [&](std::string_view name, std::string_view line) {
    if (name == "Record-Route") routes = fmt::format("Route: {}\r\n", value_of(line)) + routes;
    if (name == "From" || name == "To" || name == "Call-ID") parties += line;
    if (name == "Contact") {
      const std::string_view value = value_of(line);
      const auto begin = value.find('<') + 1;
      call.target = value.substr(begin, value.find('>') - begin);
    }
  });
  call.dialog_lines = routes + parties;
  call.ack = in_dialog(call, "ACK", 1);
  wire_.send(Party::kCaller, at_.device, call.ack);
  if (hold_ == Nanos{})
    hang_up(call);
  else
    hang_ups_.push_back({now_ + hold_, call.number});
}

std::string Parties::in_dialog(const Call& call, std::string_view method, int cseq) {
  return fmt::format(
      "{} {} SIP/2.0\r\nVia: SIP/2.0/UDP {};branch=z9hG4bK-{}-{}-{};rport\r\n"
      "Max-Forwards: 70\r\n{}CSeq: {} {}\r\nContent-Length: 0\r\n\r\n",
      method, call.target, caller_, run_, call.number, method == "ACK" ? 'a' : 'b',
      call.dialog_lines, cseq, method);
}

void Parties::hang_up(Call& call) {
  call.stage = Stage::kEnding;
  call.request = in_dialog(call, "BYE", 2);
  wire_.send(Party::kCaller, at_.device, call.request);
  repeats_.push_back({now_ + kRepeat, call.number});
}

// RFC 3261 §17.1.1.3: on the INVITE's branch.
void Parties::acknowledge_refusal(const Call& call, std::string_view response_bytes) {
  const std::string_view line = std::string_view(call.request).substr(0, call.request.find('\n'));
  const auto uri = line.substr(7, line.find(" SIP/2.0") - 7);
  wire_.send(Party::kCaller, at_.device,
             fmt::format("ACK {} SIP/2.0\r\nVia: {}\r\nMax-Forwards: 70\r\nFrom: {}\r\nTo: {}\r\n"
                         "Call-ID: {}\r\nCSeq: 1 ACK\r\nContent-Length: 0\r\n\r\n",
                         uri, header(call.request, "Via"), header(call.request, "From"),
                         header(response_bytes, "To"), header(call.request, "Call-ID")));
}

void Parties::free(Call& call) {
  call.stage = Stage::kFree;
  --open_;
}

// --- the callee --------------------------------------------------------------------------------

void Parties::on_request(const Endpoint& from, std::string_view bytes) {
  const std::string_view line = bytes.substr(0, bytes.find('\n'));
  const std::uint64_t number = number_in(line);
  if (line.starts_with("BYE")) {  // answered also when the call is long over
    wire_.send(Party::kCallee, from, response(bytes, "200 OK", {}) + "Content-Length: 0\r\n\r\n");
    return;
  }
  Call* call = find(number);
  if (call == nullptr)
    ++figures_.strays;
  else if (line.starts_with("INVITE"))
    on_invite(number, from, bytes);
  else if (line.starts_with("ACK"))
    call->answer.clear();
}

void Parties::on_invite(std::uint64_t number, const Endpoint& from, std::string_view invite) {
  Call& call = *find(number);
  const std::string tag = fmt::format("e{}", number);
  const std::string contact =
      fmt::format("Contact: <sip:{}{:0{}}@{}>\r\n", kNumberPrefix, number, kNumberDigits, callee_);
  if (call.answer.empty()) {
    wire_.send(Party::kCallee, from,
               response(invite, "100 Trying", {}) + "Content-Length: 0\r\n\r\n");
    wire_.send(Party::kCallee, from,
               response(invite, "180 Ringing", tag) + contact + "Content-Length: 0\r\n\r\n");
    repeats_.push_back({now_ + kRepeat, number});
  }
  call.answer = with_description(response(invite, "200 OK", tag) + contact,
                                 description("callee", "192.0.2.20"));
  call.answer_to = from;
  wire_.send(Party::kCallee, from, call.answer);
}

// --- time --------------------------------------------------------------------------------------

void Parties::tick(Nanos now) {
  now_ = now;
  while (!hang_ups_.empty() && hang_ups_.front().at <= now) {
    if (Call* call = find(hang_ups_.front().number)) hang_up(*call);
    hang_ups_.pop_front();
  }
  while (!repeats_.empty() && repeats_.front().at <= now) {
    const std::uint64_t number = repeats_.front().number;
    repeats_.pop_front();
    if (Call* call = find(number)) repeat(*call);
  }
}

void Parties::repeat(Call& call) {
  if (now_ > call.patience) {
    ++figures_.lost;
    free(call);
    return;
  }
  const bool unanswered = call.stage == Stage::kInviting && !call.heard;
  if (unanswered || call.stage == Stage::kEnding) {
    ++figures_.retransmitted;
    wire_.send(Party::kCaller, at_.device, call.request);
  }
  if (!call.answer.empty()) {
    ++figures_.retransmitted;
    wire_.send(Party::kCallee, call.answer_to, call.answer);
  }
  const bool settled = call.stage == Stage::kTalking && call.answer.empty();
  if (!settled) repeats_.push_back({now_ + kRepeat, call.number});
}

}  // namespace tandem::perf
