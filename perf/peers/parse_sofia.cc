// sofia-sip's side of `perf/compare parse`: a message is made as its transports make one, by
// receiving into the message's own buffer.
#include <sofia-sip/msg_addr.h>
#include <sofia-sip/sip.h>
#include <sofia-sip/sip_header.h>
#include <sofia-sip/su_alloc.h>

#include "perf/parse_driver.h"

namespace tandem::perf {
namespace {

std::string text(const char* found) { return found == nullptr ? "" : found; }
int number(const char* found) { return found == nullptr ? 0 : std::atoi(found); }

class Sofia {
 public:
  bool parse(std::string_view bytes) {
    msg_t* message = read(bytes);
    if (message == nullptr) return false;
    const sip_t* sip = sip_object(message);
    if (sip->sip_request != nullptr) {
      touch(sip->sip_request->rq_method_name);
      touch(sip->sip_request->rq_url->url_user);
      touch(sip->sip_request->rq_url->url_host);
      touch(sip->sip_request->rq_url->url_port);
    } else {
      touch(sip->sip_status->st_status);
    }
    touch(sip->sip_via->v_host);
    touch(sip->sip_via->v_port);
    touch(sip->sip_via->v_branch);
    touch(sip->sip_from->a_url->url_user);
    touch(sip->sip_from->a_tag);
    touch(sip->sip_to->a_url->url_user);
    touch(sip->sip_to->a_tag);
    touch(sip->sip_call_id->i_id);
    touch(sip->sip_cseq->cs_seq);
    touch(sip->sip_max_forwards);
    touch(sip->sip_contact->m_url->url_host);
    touch(sip->sip_payload);
    msg_destroy(message);
    return true;
  }

  Needs needs(std::string_view bytes) {
    Needs out;
    msg_t* message = read(bytes);
    if (message == nullptr) return out;
    const sip_t* sip = sip_object(message);
    if (sip->sip_request != nullptr) {
      out.start = sip->sip_request->rq_method_name;
      out.uri_user = text(sip->sip_request->rq_url->url_user);
      out.uri_host = text(sip->sip_request->rq_url->url_host);
      out.uri_port = number(sip->sip_request->rq_url->url_port);
    } else {
      out.start = std::to_string(sip->sip_status->st_status);
    }
    out.via_host = text(sip->sip_via->v_host);
    out.via_port = number(sip->sip_via->v_port);
    out.via_branch = text(sip->sip_via->v_branch);
    out.from_user = text(sip->sip_from->a_url->url_user);
    out.from_tag = text(sip->sip_from->a_tag);
    out.to_user = text(sip->sip_to->a_url->url_user);
    out.to_tag = text(sip->sip_to->a_tag);
    out.call_id = text(sip->sip_call_id->i_id);
    out.cseq = sip->sip_cseq->cs_seq;
    out.cseq_method = text(sip->sip_cseq->cs_method_name);
    if (sip->sip_max_forwards != nullptr) {
      out.max_forwards = static_cast<unsigned>(sip->sip_max_forwards->mf_count);
    }
    if (sip->sip_contact != nullptr) {
      out.contact_user = text(sip->sip_contact->m_url->url_user);
      out.contact_host = text(sip->sip_contact->m_url->url_host);
    }
    if (sip->sip_payload != nullptr) out.body_size = sip->sip_payload->pl_len;
    msg_destroy(message);
    return out;
  }

 private:
  static msg_t* read(std::string_view bytes) {
    msg_t* message = msg_create(sip_default_mclass(), 0);
    msg_iovec_t room[4];
    const auto parts = msg_recv_iovec(message, room, 4, bytes.size(), 1);
    auto rest = bytes;
    for (int i = 0; i < parts; ++i) {
      const auto length = std::min<std::size_t>(room[i].mv_len, rest.size());
      std::memcpy(room[i].mv_base, rest.data(), length);
      rest.remove_prefix(length);
    }
    msg_recv_commit(message, bytes.size(), 1);
    if (msg_extract(message) > 0 && msg_extract_errors(message) == 0) return message;
    msg_destroy(message);
    return nullptr;
  }
};

}  // namespace
}  // namespace tandem::perf

int main(int argc, char** argv) {
  tandem::perf::Sofia sofia;
  return tandem::perf::run_driver(argc, argv, sofia);
}
