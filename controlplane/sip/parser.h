// Bytes of one datagram (or one framed stream message) to a Message (RFC 3261 §7, §18.3, §25).
#pragma once

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
  // The same without AVX2: what parse() is in builds that lack it, and for the tests, which hold
  // both to the same.
  static ParseOutcome parse_plain(std::span<char> buffer, Message& message);

 private:
  Parser(std::span<char> buffer, Message& message);

  template <typename Block>
  ParseOutcome run();
  bool read_start_line();
  bool read_status_line(std::string_view line);
  bool read_request_line(std::string_view line);
  template <typename Block>
  void read_headers();
  template <typename Block>
  bool read_plain_line();
  void read_odd_line();
  void add_header(HeaderId id, std::string_view name, std::string_view value);
  bool read_top_via();
  void read_call_id();
  void read_cseq();
  void read_party(HeaderId id, NameAddr& party, std::string_view& tag, std::string_view missing,
                  std::string_view bad);
  void read_contact();
  void read_max_forwards();
  void read_body();
  void check_request();
  void check_request_uri();
  void check_vias();
  void check_routes(HeaderId id, std::string_view bad);
  void check_contacts();
  template <typename Check>
  void check_more(HeaderId id, std::string_view rest, Check&& check);

  bool skip_empty_line();
  std::string_view take_line(bool unfold);
  // The first fault is the verdict.
  void fault(int status, std::string_view reason);

  char* at_;
  char* end_;
  Message& message_;
  bool last_line_ended_ = true;
  bool headers_ended_ = false;      // the empty line was there
  bool conflicting_ = false;        // a header that is there once at most came with two values
  std::string_view more_vias_;      // in the top Via's line, behind it
  std::string_view more_contacts_;  // in the first Contact's line, behind it
  int status_ = 0;
  std::string_view reason_;
};

}  // namespace tandem::sip
