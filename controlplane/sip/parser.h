// Bytes of one datagram (or one framed stream message) to a Message (RFC 3261 §7, §18.3, §25).
#pragma once

#include <array>
#include <span>
#include <string_view>

#include "controlplane/sip/message.h"

namespace tandem::sip {

enum class ParseVerdict : std::uint8_t {
  kOk,
  kKeepalive,   // nothing but CRLFs or empty (RFC 5626 §3.5.1 pings): not a message
  kGarbage,     // not SIP, or a broken response, or nothing that an answer could be addressed by
  kBadRequest,  // a request that gets `status`; Via, From, To, Call-ID, CSeq are usable for
                // answering
};

struct ParseOutcome {
  ParseVerdict verdict = ParseVerdict::kGarbage;
  int status = 0;           // kBadRequest: 400, 413, 416, 505 …
  std::string_view reason;  // a fitting reason phrase for people, e.g. "Bad CSeq"
};

class Parser {
 public:
  // Unfolds continuation lines in place, hence the writable buffer. `message` is overwritten; its
  // views stay good as long as the buffer does. A datagram longer than Content-Length says is cut
  // there; a shorter one is a 400 (§18.3). What RFC 4475 calls valid is understood; what it calls
  // invalid gets the status that its section names.
  // A broken ACK is garbage: nothing may answer it (§17.1.1.3).
  static ParseOutcome parse(std::span<char> buffer, Message& message);

 private:
  Parser(std::span<char> buffer, Message& message);

  ParseOutcome run();
  bool read_start_line();
  bool read_status_line(std::string_view line);
  bool read_request_line(std::string_view line);
  void read_headers();
  void read_header_line(std::string_view line);
  void index_headers();
  bool read_top_via();
  void read_call_id();
  void read_cseq();
  NameAddr read_party(HeaderId id, std::string_view missing, std::string_view bad);
  void read_max_forwards();
  void read_body();
  void check_request();
  void check_request_uri();
  void check_vias();
  void check_addresses(HeaderId id, std::string_view bad);

  bool skip_empty_line();
  std::string_view take_line(bool unfold);
  const Header* first(HeaderId id) const { return first_[static_cast<std::size_t>(id)]; }
  // The first fault is the verdict.
  void fault(int status, std::string_view reason);

  char* at_;
  char* end_;
  Message& message_;
  bool last_line_ended_ = true;
  bool headers_ended_ = false;  // the empty line was there
  int status_ = 0;
  std::string_view reason_;
  std::array<const Header*, static_cast<std::size_t>(HeaderId::kCount)> first_{};
};

}  // namespace tandem::sip
