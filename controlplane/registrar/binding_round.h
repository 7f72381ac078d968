// One way around a share of the bindings, in the order of their places: each one that stays is met
// once, whatever comes and goes meanwhile. For what all phones are due in turn: keepalives, probes.
// Owner: the shard's thread.
#pragma once

#include <algorithm>
#include <cstdint>

#include "controlplane/registrar/binding_table.h"

namespace tandem::registrar {

class BindingRound {
 public:
  enum class Whom : std::uint8_t { kAll, kBehindNat };

  // The stripes of one of `shares` that have the table between them. The round is over at first.
  BindingRound(BindingTable& table, Whom whom, std::uint32_t share, std::uint32_t shares)
      : table_(table),
        whom_(whom),
        share_(share),
        shares_(shares),
        stripes_((BindingTable::kStripes - share + shares - 1) / shares),
        step_(stripes_) {}

  // A new round: from where this one stands, or from the first binding.
  void go_on();
  void begin_anew();

  // Calls visit(name, binding, id), under its stripe's lock, for the next binding that hasn't run
  // out. False: the round is over.
  template <typename Visit>
  bool next(base::Nanos now, Visit&& visit) {
    for (; step_ <= stripes_; ++step_, place_ = 0) {
      BindingTable::Stripe& stripe = at(step_);
      if (count(stripe) == 0) continue;
      const std::lock_guard lock(stripe.door);
      const std::uint32_t end = end_of(stripe, step_);
      while (place_ < end) {
        const std::uint32_t index = place_++;
        const BindingTable::Place& place = stripe.places[index];
        if (!meets(place)) continue;
        const sip::Binding* binding = BindingTable::binding_at(place, index);
        if (binding == nullptr || binding->expires <= now) continue;
        visit(std::string_view(place.owner->second.name), *binding,
              BindingId{.stripe = stripe_index(step_), .place = index, .life = place.life});
        return true;
      }
      if (step_ == stripes_) break;
    }
    step_ = stripes_;
    place_ = first_place_;
    return false;
  }

  // How many there are in all, and how many this round has not met yet (those that have just run
  // out included).
  std::uint32_t size() const;
  std::uint32_t left() const;

 private:
  // The first stripe is walked in two parts: from where the round began, and in the last step up to
  // there.
  std::uint32_t stripe_index(std::uint32_t step) const {
    return (first_stripe_ + step) % stripes_ * shares_ + share_;
  }
  BindingTable::Stripe& at(std::uint32_t step) const {
    return (*table_.stripes_)[stripe_index(step)];
  }
  std::uint32_t count(const BindingTable::Stripe& stripe) const {
    const auto& counter = whom_ == Whom::kAll ? stripe.taken : stripe.nats;
    return counter.load(std::memory_order_relaxed);
  }
  // Under the stripe's lock: where a step's part of it ends, and whether it is about this place.
  std::uint32_t end_of(const BindingTable::Stripe& stripe, std::uint32_t step) const {
    const auto size = static_cast<std::uint32_t>(stripe.places.size());
    return step == stripes_ ? std::min(first_place_, size) : size;
  }
  bool meets(const BindingTable::Place& place) const {
    return place.owner != nullptr && (whom_ == Whom::kAll || place.nat != 0);
  }

  BindingTable& table_;
  Whom whom_;
  std::uint32_t share_;
  std::uint32_t shares_;
  std::uint32_t stripes_;  // of our share
  std::uint32_t first_stripe_ = 0;
  std::uint32_t first_place_ = 0;
  std::uint32_t step_;
  std::uint32_t place_ = 0;
};

}  // namespace tandem::registrar
