// libosip2's side of `perf/compare parse`.
#include <osipparser2/osip_parser.h>

#include "perf/parse_driver.h"

namespace tandem::perf {
namespace {

std::string text(const char* found) { return found == nullptr ? "" : found; }
int number(const char* found) { return found == nullptr ? 0 : std::atoi(found); }

class Osip {
 public:
  Osip() { parser_init(); }

  bool parse(std::string_view bytes) {
    osip_message_t* message = read(bytes);
    if (message == nullptr) return false;
    touch(message->sip_method);
    if (message->req_uri != nullptr) {
      touch(message->req_uri->username);
      touch(message->req_uri->host);
      touch(message->req_uri->port);
    }
    osip_via_t* via = nullptr;
    osip_message_get_via(message, 0, &via);
    osip_generic_param_t* branch = nullptr;
    osip_via_param_get_byname(via, const_cast<char*>("branch"), &branch);
    touch(via->host);
    touch(via->port);
    touch(branch);
    osip_generic_param_t* from_tag = nullptr;
    osip_from_get_tag(message->from, &from_tag);
    osip_generic_param_t* to_tag = nullptr;
    osip_to_get_tag(message->to, &to_tag);
    touch(from_tag);
    touch(to_tag);
    touch(message->from->url->username);
    touch(message->to->url->username);
    touch(message->call_id->number);
    const int cseq = number(message->cseq->number);
    touch(cseq);
    touch(message->cseq->method);
    osip_header_t* hops = nullptr;
    osip_message_header_get_byname(message, "max-forwards", 0, &hops);
    const int max_forwards = hops == nullptr ? 0 : number(hops->hvalue);
    touch(max_forwards);
    osip_contact_t* contact = nullptr;
    osip_message_get_contact(message, 0, &contact);
    touch(contact->url->host);
    osip_body_t* body = nullptr;
    osip_message_get_body(message, 0, &body);
    touch(body);
    osip_message_free(message);
    return true;
  }

  Needs needs(std::string_view bytes) {
    Needs out;
    osip_message_t* message = read(bytes);
    if (message == nullptr) return out;
    out.start =
        message->status_code == 0 ? message->sip_method : std::to_string(message->status_code);
    if (message->req_uri != nullptr) {
      out.uri_user = text(message->req_uri->username);
      out.uri_host = text(message->req_uri->host);
      out.uri_port = number(message->req_uri->port);
    }
    osip_via_t* via = nullptr;
    osip_message_get_via(message, 0, &via);
    osip_generic_param_t* param = nullptr;
    osip_via_param_get_byname(via, const_cast<char*>("branch"), &param);
    out.via_host = text(via->host);
    out.via_port = number(via->port);
    out.via_branch = text(param == nullptr ? nullptr : param->gvalue);
    param = nullptr;
    osip_from_get_tag(message->from, &param);
    out.from_tag = text(param == nullptr ? nullptr : param->gvalue);
    param = nullptr;
    osip_to_get_tag(message->to, &param);
    out.to_tag = text(param == nullptr ? nullptr : param->gvalue);
    out.from_user = text(message->from->url->username);
    out.to_user = text(message->to->url->username);
    out.call_id = text(message->call_id->number);
    if (message->call_id->host != nullptr) out.call_id += "@" + text(message->call_id->host);
    out.cseq = static_cast<unsigned>(number(message->cseq->number));
    out.cseq_method = text(message->cseq->method);
    osip_header_t* hops = nullptr;
    osip_message_header_get_byname(message, "max-forwards", 0, &hops);
    if (hops != nullptr) out.max_forwards = static_cast<unsigned>(number(hops->hvalue));
    osip_contact_t* contact = nullptr;
    if (osip_message_get_contact(message, 0, &contact) >= 0 && contact->url != nullptr) {
      out.contact_user = text(contact->url->username);
      out.contact_host = text(contact->url->host);
    }
    osip_body_t* body = nullptr;
    osip_message_get_body(message, 0, &body);
    if (body != nullptr) out.body_size = body->length;
    osip_message_free(message);
    return out;
  }

 private:
  static osip_message_t* read(std::string_view bytes) {
    osip_message_t* message = nullptr;
    if (osip_message_init(&message) != 0) return nullptr;
    if (osip_message_parse(message, bytes.data(), bytes.size()) == 0) return message;
    osip_message_free(message);
    return nullptr;
  }
};

}  // namespace
}  // namespace tandem::perf

int main(int argc, char** argv) {
  tandem::perf::Osip osip;
  return tandem::perf::run_driver(argc, argv, osip);
}
