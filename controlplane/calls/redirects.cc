#include "controlplane/calls/redirects.h"

#include <algorithm>
#include <charconv>

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

std::optional<Redirects::Target> target_of(std::string_view value) {
  const auto contact = sip::parse_name_addr(value);
  if (!contact || contact->star || contact->uri.scheme != sip::Scheme::kSip) return std::nullopt;
  const auto address = base::IpAddress::parse(contact->uri.host);
  if (!address) return std::nullopt;
  Redirects::Target out{std::string(contact->uri.user), {}, q_of(*contact)};
  out.address.address = *address;
  out.address.port = contact->uri.port != 0 ? contact->uri.port : 5060;
  return out;
}

}  // namespace

void Redirects::add(const sip::Message& response) {
  std::vector<Target> fresh;
  sip::each_value(response, sip::HeaderId::kContact, [&](std::string_view value) {
    if (auto target = target_of(value)) fresh.push_back(*std::move(target));
  });
  std::stable_sort(fresh.begin(), fresh.end(),
                   [](const Target& a, const Target& b) { return a.q > b.q; });
  waiting_.insert(waiting_.begin(), fresh.begin(), fresh.end());
  if (waiting_.size() > kWaitingMax) waiting_.resize(kWaitingMax);
}

std::optional<Redirects::Target> Redirects::next(std::uint64_t limit) {
  while (!waiting_.empty() && given_.size() < limit) {
    const Target target = waiting_.front();
    waiting_.erase(waiting_.begin());
    if (std::find(given_.begin(), given_.end(), target) != given_.end()) continue;
    given_.push_back(target);
    return target;
  }
  return std::nullopt;
}

}  // namespace tandem::calls
