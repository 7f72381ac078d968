// Our side of `perf/compare parse`.
#include <array>
#include <span>

#include "controlplane/sip/parser.h"
#include "perf/parse_driver.h"

namespace tandem::perf {
namespace {

class OurParser {
 public:
  bool parse(std::string_view bytes) {
    if (!read(bytes)) return false;
    touch(message_.target());
    touch(message_.top_via());
    touch(message_.from().uri.user);
    touch(message_.to().uri.user);
    const auto from_tag = message_.from_tag();
    const auto to_tag = message_.to_tag();
    touch(from_tag);
    touch(to_tag);
    touch(message_.call_id());
    touch(message_.cseq());
    touch(message_.max_forwards());
    touch(message_.contact());
    touch(message_.body());
    return true;
  }

  Needs needs(std::string_view bytes) {
    Needs out;
    if (!read(bytes)) return out;
    if (message_.is_request()) {
      out.start = message_.method_name();
      out.uri_user = message_.target().user;
      out.uri_host = message_.target().host;
      out.uri_port = message_.target().port;
    } else {
      out.start = std::to_string(message_.status());
    }
    out.via_host = message_.top_via().host;
    out.via_port = message_.top_via().port;
    out.via_branch = message_.top_via().branch;
    out.from_user = message_.from().uri.user;
    out.from_tag = message_.from_tag();
    out.to_user = message_.to().uri.user;
    out.to_tag = message_.to_tag();
    out.call_id = message_.call_id();
    out.cseq = message_.cseq().number;
    out.cseq_method = message_.cseq().method_name;
    out.max_forwards = message_.max_forwards().value_or(0);
    if (const sip::NameAddr* contact = message_.contact()) {
      out.contact_user = contact->uri.user;
      out.contact_host = contact->uri.host;
    }
    out.body_size = message_.body().size();
    return out;
  }

 private:
  // The buffer stands for the slot that a datagram arrives in.
  bool read(std::string_view bytes) {
    std::memcpy(slot_.data(), bytes.data(), bytes.size());
    const std::span<char> datagram(slot_.data(), bytes.size());
    return sip::Parser::parse(datagram, message_).verdict == sip::ParseVerdict::kOk;
  }

  std::array<char, 4096> slot_{};
  sip::Message message_;
};

}  // namespace
}  // namespace tandem::perf

int main(int argc, char** argv) {
  tandem::perf::OurParser ours;
  return tandem::perf::run_driver(argc, argv, ours);
}
