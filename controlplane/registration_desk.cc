#include "controlplane/registration_desk.h"

#include <utility>
#include <variant>

#include "drivers/base/log.h"

namespace tandem {

using registrar::OutboundOrder;
using registrar::OutboundRecord;

base::Result<void> RegistrationDesk::open() {
  if (site_.store.empty()) return {};
  auto book = registrar::OutboundBook::open(
      {.path = site_.store,
       .site = site_,
       .changed =
           [this](const auto& name, const auto* now) {
             note_name(name, now != nullptr);
             if (now == nullptr)
               loop_.post([this, name] { remove(name); });
             else
               loop_.post([this, record = *now] { change(record); });
           },
       .needed_by = [this](const auto& name) { return needed_by_ ? needed_by_(name) : ""; }});
  if (!book) return std::move(book).take_error();
  book_ = std::move(book).value();
  for (const auto& one : book_->all()) note_name(one.first, true);
  return {};
}

bool RegistrationDesk::has(std::string_view name) const {
  const std::lock_guard hold(names_door_);
  return names_.find(name) != names_.end();
}

void RegistrationDesk::note_name(const std::string& name, bool is_there) {
  const std::lock_guard hold(names_door_);
  if (is_there)
    names_.insert(name);
  else
    names_.erase(name);
}

void RegistrationDesk::told(const std::string& name, bool registered) {
  loop_.post([this, name, registered] {
    if (registered)
      registered_.insert(name);
    else
      registered_.erase(name);
  });
}

void RegistrationDesk::begin(sip::Resolver& resolver,
                             std::vector<admin::RegistrationShard> shards) {
  resolver_ = &resolver;
  shards_.swap(shards);
  if (!book_) return;
  for (const auto& [name, record] : book_->all()) change(record);
  if (!desired_.empty()) LOG(kInfo, "registrar", "{} registrations with others", desired_.size());
}

void RegistrationDesk::change(const OutboundRecord& record) {
  Desired& desired = desired_[record.name];
  OutboundOrder& order = desired.order;
  const OutboundRecord former = std::exchange(order.record, record);
  auto way = registrar::way_of(record, site_);
  order.fault = way ? "" : way.error_text();
  const sip::Path former_way = std::exchange(order.way, way ? *way : sip::Path{});
  const bool same_place =
      former.target() == record.target() && former_way.protocol == order.way.protocol;
  if (former.name.empty() || !same_place) {
    if (desired.followed != 0) resolver_->forget(std::exchange(desired.followed, 0));
    order.places.clear();
    const auto place = registrar::place_of(record, order.way.protocol);
    if (const auto* endpoint = std::get_if<base::Endpoint>(&place))
      order.places.push_back(*endpoint);
    else
      seek(record.name, std::get<config::HostName>(place));
  }
  publish(order);
}

void RegistrationDesk::seek(const std::string& name, const config::HostName& host) {
  Desired& desired = desired_[name];
  sip::Resolver::Question question{
      .host = host.name, .protocol = desired.order.way.protocol, .port = host.port};
  desired.followed = resolver_->follow(std::move(question), [this, name](const auto& places) {
    OutboundOrder& order = desired_[name].order;
    order.places.clear();
    for (const auto& place : places) {
      if (config::speaks_at(site_, place.endpoint)) {
        LOG(kWarning, "registrar", "registration {}: its server's name leads to this switch", name);
        continue;
      }
      order.places.push_back(place.endpoint);
    }
    publish(order);
  });
}

void RegistrationDesk::remove(const std::string& name) {
  const auto found = desired_.find(name);
  if (found == desired_.end()) return;
  if (found->second.followed != 0) resolver_->forget(found->second.followed);
  desired_.erase(found);
  registered_.erase(name);
  for (const admin::RegistrationShard& shard : shards_) {
    shard.inbox.post([&part = shard.part, name] { part.remove(name); });
  }
}

void RegistrationDesk::publish(const OutboundOrder& order) {
  const auto shared = std::make_shared<const OutboundOrder>(order);
  for (const admin::RegistrationShard& shard : shards_) {
    shard.inbox.post([&part = shard.part, shared] { part.apply(*shared); });
  }
}

}  // namespace tandem
