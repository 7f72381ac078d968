#include "controlplane/registrar/binding_round.h"

namespace tandem::registrar {

void BindingRound::go_on() {
  first_stripe_ = (first_stripe_ + step_) % stripes_;
  first_place_ = place_;
  step_ = 0;
}

void BindingRound::begin_anew() {
  first_stripe_ = 0;
  first_place_ = 0;
  step_ = 0;
  place_ = 0;
}

std::uint32_t BindingRound::size() const {
  std::uint32_t out = 0;
  for (std::uint32_t step = 0; step < stripes_; ++step) out += count(at(step));
  return out;
}

std::uint32_t BindingRound::left() const {
  std::uint32_t out = 0;
  for (std::uint32_t step = step_; step <= stripes_; ++step) {
    const BindingTable::Stripe& stripe = at(step);
    const bool whole = step != step_ && step != stripes_;
    if (whole || count(stripe) == 0) {
      out += count(stripe);
      continue;
    }
    const std::lock_guard lock(stripe.door);
    const std::uint32_t end = end_of(stripe, step);
    for (std::uint32_t i = step == step_ ? place_ : 0; i < end; ++i) {
      out += meets(stripe.places[i]) ? 1 : 0;
    }
  }
  return out;
}

}  // namespace tandem::registrar
