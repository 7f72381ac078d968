#include "perf/load/phones.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "drivers/base/text.h"

namespace tandem::perf {
namespace {

using sip::DigestAlgorithm;
using sip::Hex;

constexpr std::string_view kCnonce = "c0ffee";

// What stands between `before` and the next quotation mark; empty: nothing.
std::string_view quoted_after(std::string_view bytes, std::string_view before) {
  const auto found = bytes.find(before);
  if (found == std::string_view::npos) return {};
  const auto rest = bytes.substr(found + before.size());
  return rest.substr(0, std::min(rest.find('"'), rest.size()));
}

}  // namespace

Phones::Phones(Wire& wire, Setup setup)
    : wire_(wire),
      setup_(std::move(setup)),
      here_(setup_.phones.text()),
      ha2_(Hex(sip::digest_of(DigestAlgorithm::kMd5, {"REGISTER:sip:", setup_.realm}))),
      run_(fmt::format("{:x}", base::wall_ms_now())),
      mark_(fmt::format("z9hG4bK-{}-", run_)),
      phones_(setup_.count) {
  for (std::uint32_t i = 0; i < setup_.count; ++i) {
    const auto ha1 = sip::ha1_of(DigestAlgorithm::kMd5, fmt::format("u{}", i), setup_.realm,
                                 fmt::format("secret-{}", i));
    std::copy_n(ha1.octets().begin(), phones_[i].ha1.size(), phones_[i].ha1.begin());
  }
}

bool Phones::start(Nanos now) {
  Phone& phone = phones_[next_];
  if (phone.stage != Stage::kIdle) return false;
  now_ = now;
  phone.stage = Stage::kAsking;
  phone.began = base::monotonic_now();
  phone.patience = now + kPatience;
  ++open_;
  send(next_, {});
  next_ = (next_ + 1) % setup_.count;
  return true;
}

void Phones::send(std::uint32_t number, std::string_view authorization) {
  Phone& phone = phones_[number];
  ++phone.cseq;
  phone.request.clear();
  fmt::format_to(
      std::back_inserter(phone.request),
      "REGISTER sip:{0} SIP/2.0\r\nVia: SIP/2.0/UDP {1};branch={2}{3}-{4};rport\r\n"
      "Max-Forwards: 70\r\nFrom: \"{3}\" <sip:u{3}@{0}>;tag=f{3}\r\nTo: <sip:u{3}@{0}>\r\n"
      "Call-ID: {5}-{3}@{1}\r\nCSeq: {4} REGISTER\r\n"
      "Contact: <sip:u{3}@{1};transport=udp>;expires={6}\r\n{7}"
      "User-Agent: Phone 1.0\r\nAllow: INVITE, ACK, CANCEL, BYE, OPTIONS\r\n"
      "Content-Length: 0\r\n\r\n",
      setup_.realm, here_, mark_, number, phone.cseq, run_, setup_.expires, authorization);
  wire_.send(Party::kCaller, setup_.device, phone.request);
  repeats_.push_back({now_ + kRepeat, number, phone.cseq});
}

void Phones::on_datagram(Party, const Endpoint&, std::string_view bytes) {
  const auto mark = bytes.find(mark_);
  if (!bytes.starts_with("SIP/2.0 ") || mark == std::string_view::npos) {
    ++figures_.strays;
    return;
  }
  const auto status = base::parse_uint(bytes.substr(8, 3), 699).value_or(0);
  std::string_view rest = bytes.substr(mark + mark_.size(), 24);
  const auto number = base::parse_uint(base::split_first(rest, '-'), UINT32_MAX).value_or(0);
  rest = rest.substr(0, rest.find_first_not_of("0123456789"));
  const auto cseq = base::parse_uint(rest, UINT32_MAX).value_or(0);
  if (number >= phones_.size() || phones_[number].cseq != cseq ||
      phones_[number].stage == Stage::kIdle) {
    ++figures_.strays;
    return;
  }
  Phone& phone = phones_[number];
  if (status < 200) return;
  if (status == 401 && phone.stage == Stage::kAsking) {
    on_challenge(static_cast<std::uint32_t>(number), bytes);
    return;
  }
  if (status == 200 && phone.stage == Stage::kProving) {
    ++figures_.completed;
    const auto lasted = base::monotonic_now() - phone.began;
    figures_.registered_us.push_back(static_cast<std::uint32_t>(lasted.count() / 1000));
  } else {
    ++figures_.refused;
  }
  finish(phone);
}

void Phones::on_challenge(std::uint32_t number, std::string_view bytes) {
  Phone& phone = phones_[number];
  const std::string_view nonce = quoted_after(bytes, "nonce=\"");
  if (nonce.empty() || bytes.find("qop=") == std::string_view::npos) {
    ++figures_.refused;
    finish(phone);
    return;
  }
  const Hex response(sip::digest_of(
      DigestAlgorithm::kMd5, {Hex(phone.ha1), ":", nonce, ":00000001:", kCnonce, ":auth:", ha2_}));
  phone.stage = Stage::kProving;
  send(number,
       fmt::format("Authorization: Digest username=\"u{}\", realm=\"{}\", nonce=\"{}\", "
                   "uri=\"sip:{}\", response=\"{}\", algorithm=MD5, qop=auth, "
                   "nc=00000001, cnonce=\"{}\"\r\n",
                   number, setup_.realm, nonce, setup_.realm, std::string_view(response), kCnonce));
}

void Phones::finish(Phone& phone) {
  phone.stage = Stage::kIdle;
  std::string().swap(phone.request);  // of a million phones most are idle
  --open_;
}

void Phones::tick(Nanos now) {
  now_ = now;
  while (!repeats_.empty() && repeats_.front().at <= now) {
    const Due due = repeats_.front();
    repeats_.pop_front();
    Phone& phone = phones_[due.phone];
    if (phone.stage == Stage::kIdle || phone.cseq != due.cseq) continue;
    if (now > phone.patience) {
      ++figures_.lost;
      finish(phone);
      continue;
    }
    ++figures_.retransmitted;
    wire_.send(Party::kCaller, setup_.device, phone.request);
    repeats_.push_back({now + kRepeat, due.phone, due.cseq});
  }
}

}  // namespace tandem::perf
