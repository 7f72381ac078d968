#include "controlplane/sip/loop_mark.h"

#include <charconv>

namespace tandem::sip {
namespace {

constexpr std::string_view kParameter = "loop";

std::string digest_of(const Environment& env, std::string_view request_uri) {
  const auto uri = parse_uri(request_uri);
  base::KeyedHash hash(env.loop_key);
  hash << (uri ? uri->user : request_uri);
  char digits[16];
  const auto end = std::to_chars(digits, digits + sizeof digits, hash.digest().low, 16).ptr;
  return std::string(digits, end);
}

}  // namespace

std::string loop_mark(const Environment& env, std::string_view request_uri) {
  return ";" + std::string(kParameter) + "=" + digest_of(env, request_uri);
}

bool is_looped(const Environment& env, const Message& request) {
  bool looped = false;
  std::string ours;
  each_value(request, HeaderId::kVia, [&](std::string_view value) {
    const auto via = parse_via(value);
    const auto mark = via ? find_param(via->params, kParameter) : std::nullopt;
    if (!mark) return;
    if (ours.empty()) ours = digest_of(env, request.request_uri());
    looped = looped || *mark == ours;
  });
  return looped;
}

}  // namespace tandem::sip
