// A SIP party that sends whatever a test writes, right or wrong, and keeps what it gets.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tests/unit/controlplane/virtual_net.h"

namespace tandem::test {

inline std::string field(const std::string& message, const std::string& name) {
  const auto at = message.find("\r\n" + name + ": ");
  if (at == std::string::npos) return {};
  const auto begin = at + name.size() + 4;
  return message.substr(begin, message.find("\r\n", begin) - begin);
}

// The tag of a From or To value.
inline std::string tag_of(const std::string& value) {
  const auto at = value.find(";tag=");
  return at == std::string::npos ? std::string() : value.substr(at + 5);
}

inline std::string body_of(const std::string& message) {
  const auto at = message.find("\r\n\r\n");
  return at == std::string::npos ? std::string() : message.substr(at + 4);
}

class RawParty final : public sip::TransportListener {
 public:
  RawParty(VirtualNet& net, std::string_view address)
      : contact("<sip:" + at(address).text() + ">"), here_(at(address)), port_(net) {
    net.attach(here_.address, *this);
  }

  void on_datagram(const sip::Path& path, std::span<char> bytes) override {
    got.emplace_back(bytes.data(), bytes.size());
    back_ = path;
    const std::string& message = got.back();
    if (message.starts_with("INVITE") && field(message, "To").find(";tag=") == std::string::npos) {
      invite = message;
    }
    if (answers_bye && message.starts_with("BYE")) respond(message, "200 OK", {});
    if (answers_prack && message.starts_with("PRACK")) respond(message, "200 OK", {});
  }
  // `headers`: further lines, each with its end.
  void respond(const std::string& request, const std::string& status, const std::string& tag,
               const std::string& body = {}, const std::string& headers = {}) {
    port_.send(back_, "SIP/2.0 " + status + "\r\nVia: " + field(request, "Via") +
                          "\r\nFrom: " + field(request, "From") +
                          "\r\nTo: " + field(request, "To") + (tag.empty() ? "" : ";tag=" + tag) +
                          "\r\nCall-ID: " + field(request, "Call-ID") +
                          "\r\nCSeq: " + field(request, "CSeq") + "\r\nContact: " + contact +
                          "\r\n" + headers + with_body(body));
  }
  // A request in the dialog that our answer with this tag has begun.
  void request(const std::string& method, const std::string& tag, int cseq,
               const std::string& headers = {}, const std::string& body = {}) {
    send(method, field(invite, "To") + ";tag=" + tag, field(invite, "From"),
         field(invite, "Call-ID"), cseq, headers, body);
  }
  // Any request at all, to the switch.
  void send(const std::string& method, const std::string& from, const std::string& to,
            const std::string& call_id, int cseq, const std::string& headers = {},
            const std::string& body = {}) {
    const std::string number = std::to_string(cseq);
    const std::string branch = method == "CANCEL" ? "INVITE" : method;  // §9.1: its INVITE's
    port_.send(back_, method + " " + request_uri + " SIP/2.0\r\nVia: SIP/2.0/UDP " + here_.text() +
                          ";branch=z9hG4bK" + branch + number + tag_of(from) + tag_of(to) +
                          "\r\nFrom: " + from + "\r\nTo: " + to + "\r\nCall-ID: " + call_id +
                          "\r\nCSeq: " + number + " " + method +
                          "\r\nMax-Forwards: 70\r\nContact: " + contact + "\r\n" + headers +
                          with_body(body));
  }
  void towards(std::string_view target) { back_ = {here_, at(target)}; }

  int count(std::string_view start) const {
    int sum = 0;
    for (const auto& message : got) sum += message.starts_with(start) ? 1 : 0;
    return sum;
  }
  // The last message whose first line begins with this; empty: none.
  std::string last(std::string_view start) const {
    for (auto it = got.rbegin(); it != got.rend(); ++it) {
      if (it->starts_with(start)) return *it;
    }
    return {};
  }

  std::vector<std::string> got;
  std::string contact;                            // of all that it sends
  std::string request_uri = "sip:491@10.77.1.1";  // of its requests
  std::string invite;                             // the last that began a call
  bool answers_bye = true;
  bool answers_prack = true;

 private:
  static std::string with_body(const std::string& body) {
    return (body.empty() ? "" : "Content-Type: application/sdp\r\n") +
           ("Content-Length: " + std::to_string(body.size())) + "\r\n\r\n" + body;
  }

  Endpoint here_;
  VirtualNet::Port port_;
  sip::Path back_;
};

}  // namespace tandem::test
