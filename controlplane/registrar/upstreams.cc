#include "controlplane/registrar/upstreams.h"

#include <algorithm>
#include <utility>

#include "drivers/base/text.h"

namespace tandem::registrar {
namespace {

bool is_at(const Upstream& upstream, const base::IpAddress& address) {
  return std::any_of(upstream.places.begin(), upstream.places.end(),
                     [&](const base::Endpoint& place) { return place.address == address; });
}

}  // namespace

std::string outbound_contact(const std::string& user, const sip::Path& way) {
  std::string out = "<sip:" + user + "@" + way.local.text();
  if (way.protocol == sip::Protocol::kTcp) out += ";transport=tcp";
  if (way.protocol == sip::Protocol::kTls) out += ";transport=tls";
  return out += ">";
}

const Upstream* Upstreams::find(std::string_view name) const {
  const auto found = upstreams_.find(std::string(name));
  return found == upstreams_.end() ? nullptr : &found->second;
}

const Upstream* Upstreams::owner_of(std::string_view user, const base::Endpoint& source) const {
  const auto [begin, end] = names_.equal_range(std::string(user));
  for (auto entry = begin; entry != end; ++entry) {
    const Upstream* upstream = find(entry->second);
    if (upstream != nullptr && is_at(*upstream, source.address)) return upstream;
  }
  return nullptr;
}

bool Upstreams::knows(const base::IpAddress& address) const {
  base::Endpoint any;
  any.address = address;
  return addresses_.contains(any);
}

void Upstreams::count(const std::vector<base::Endpoint>& places, int by) {
  for (base::Endpoint place : places) {
    place.port = 0;
    const auto entry = addresses_.try_emplace(place, 0).first;
    entry->second += by;
    if (entry->second == 0) addresses_.erase(entry);
  }
}

std::string Upstreams::server_name(const base::Endpoint& peer) const {
  for (const auto& [name, upstream] : upstreams_) {
    const auto& places = upstream.places;
    if (std::find(places.begin(), places.end(), peer) != places.end()) return upstream.host;
  }
  return {};
}

const Upstream& Upstreams::put(const OutboundOrder& order) {
  const OutboundRecord& record = order.record;
  Upstream& upstream = upstreams_[record.name];
  if (upstream.name.empty()) {
    upstream.name = record.name;
    names_.emplace(record.user, record.name);
  } else if (upstream.user != record.user) {
    const auto [begin, end] = names_.equal_range(upstream.user);
    const auto former =
        std::find_if(begin, end, [&](const auto& entry) { return entry.second == record.name; });
    if (former != end) names_.erase(former);
    names_.emplace(record.user, record.name);
  }
  const bool moved = upstream.domain != record.server || upstream.user != record.user;
  upstream.domain = record.server;
  upstream.user = record.user;
  std::string_view host = record.target();
  upstream.host = base::split_first(host, ':');
  if (base::IpAddress::parse(upstream.host)) upstream.host.clear();
  const std::string former_contact =
      std::exchange(upstream.contact, outbound_contact(record.user, order.way));
  if (former_contact != upstream.contact) upstream.registered = false;
  count(upstream.places, -1);
  upstream.places = order.places;
  count(upstream.places, 1);
  const base::Endpoint former = upstream.path.remote;
  upstream.path = order.way;
  const auto& places = order.places;
  if (std::find(places.begin(), places.end(), former) != places.end())
    upstream.path.remote = former;
  else if (!places.empty())
    upstream.path.remote = places.front();
  sip::DigestClient::Identity identity{record.prover(), record.password};
  // Another server has nothing to do with this one's nonces.
  if (upstream.credentials == nullptr || moved) {
    upstream.registered = false;
    upstream.credentials =
        std::make_shared<sip::DigestClient>(std::move(identity), challenges_, random_);
  } else {
    upstream.credentials->become(std::move(identity));
  }
  return upstream;
}

void Upstreams::erase(std::string_view name) {
  const auto found = upstreams_.find(std::string(name));
  if (found == upstreams_.end()) return;
  const auto [begin, end] = names_.equal_range(found->second.user);
  const auto entry =
      std::find_if(begin, end, [&](const auto& each) { return each.second == name; });
  if (entry != end) names_.erase(entry);
  count(found->second.places, -1);
  upstreams_.erase(found);
}

void Upstreams::note(std::string_view name, bool registered, const base::Endpoint& at) {
  const auto found = upstreams_.find(std::string(name));
  if (found == upstreams_.end()) return;
  Upstream& upstream = found->second;
  upstream.registered = registered;
  const auto& places = upstream.places;
  if (registered && std::find(places.begin(), places.end(), at) != places.end()) {
    upstream.path.remote = at;
  }
}

}  // namespace tandem::registrar
