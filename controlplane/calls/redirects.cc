#include "controlplane/calls/redirects.h"

#include <algorithm>
#include <charconv>
#include <iterator>

#include "drivers/base/text.h"

namespace tandem::calls {
namespace {

constexpr std::size_t kWaitingMax = 32;

// §20.10: 0 to 1, 1 when it isn't said or can't be read.
double q_of(const sip::NameAddr& contact) {
  const auto text = sip::find_param(contact.params, "q");
  double q = 1;
  if (!text) return q;
  const auto [stop, fault] = std::from_chars(text->data(), text->data() + text->size(), q);
  // Said this way round for NaN.
  return fault == std::errc{} && q >= 0 && q <= 1 ? q : 1;
}

// RFC 3966 §5.1.5: what isn't global means something in its context only, which is followed where
// it begins a global number. Empty: nothing that we could route.
std::string global_number(const sip::Uri& tel) {
  if (tel.user.starts_with('+')) return std::string(tel.user);
  const auto context = sip::find_param(tel.params, "phone-context").value_or("");
  return context.starts_with('+') ? std::string(context).append(tel.user) : std::string();
}

std::optional<Redirects::Target> target_of(std::string_view value) {
  const auto contact = sip::parse_name_addr(value);
  if (!contact || contact->star) return std::nullopt;
  const sip::Uri& uri = contact->uri;
  Redirects::Target out{.user = std::string(uri.user), .host = {}, .q = q_of(*contact)};
  if (uri.scheme == sip::Scheme::kTel) {
    out.user = global_number(uri);
    return out.user.empty() ? std::nullopt : std::optional(out);
  }
  if (uri.scheme != sip::Scheme::kSip || uri.host.empty()) return std::nullopt;
  // Names compare without case.
  std::transform(uri.host.begin(), uri.host.end(), std::back_inserter(out.host), base::to_lower);
  out.port = uri.port;
  return out;
}

}  // namespace

void Redirects::add(const sip::Message& response, const std::string& asked) {
  std::vector<Target> fresh;
  sip::each_value(response, sip::HeaderId::kContact, [&](std::string_view value) {
    auto target = target_of(value);
    if (!target) return;
    if (target->user.empty()) target->user = asked;
    fresh.push_back(*std::move(target));
  });
  std::stable_sort(fresh.begin(), fresh.end(),
                   [](const Target& a, const Target& b) { return a.q > b.q; });
  waiting_.insert(waiting_.begin(), fresh.begin(), fresh.end());
  if (waiting_.size() > kWaitingMax) waiting_.resize(kWaitingMax);
}

std::optional<Redirects::Target> Redirects::next(std::uint64_t limit) {
  while (!waiting_.empty() && asked_ < limit) {
    const Target target = waiting_.front();
    waiting_.erase(waiting_.begin());
    if (std::find(given_.begin(), given_.end(), target) != given_.end()) continue;
    given_.push_back(target);
    return target;
  }
  return std::nullopt;
}

}  // namespace tandem::calls
