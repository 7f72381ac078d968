#include "controlplane/media/dtls_association.h"

#include <algorithm>
#include <utility>

#include "drivers/crypto/octets.h"

namespace tandem::media {
namespace {

using State = DtlsHandshake::State;
using wire::Counter;

// After one that broke.
constexpr base::Nanos kPause = base::Seconds{1};

}  // namespace

DtlsAssociation::DtlsAssociation(const SrtpMeans& means, Datapath& datapath, DtlsListener& listener,
                                 Setup setup)
    : means_(means), datapath_(datapath), listener_(listener), setup_(std::move(setup)) {
  make_handshake();
  if (setup_.role == DtlsRole::kClient) begin_at_ = now();
  arm();
}

DtlsAssociation::~DtlsAssociation() { means_.wheel.cancel(timer_); }

void DtlsAssociation::make_handshake() {
  handshake_ =
      std::make_unique<DtlsHandshake>(*means_.identity, setup_.role, setup_.fingerprints,
                                      [this](DtlsHandshake::Datagram datagram) { send(datagram); });
}

void DtlsAssociation::send(DtlsHandshake::Datagram datagram) {
  if (datapath_.send_dtls(setup_.key, setup_.generation, party_, datagram)) return;
  means_.counters.add(Counter::drop_dtls_send);
}

void DtlsAssociation::expect() {
  if (done_ || end_at_ || !handshake_) return;
  end_at_ = now() + kMost;
  arm();
}

void DtlsAssociation::take(const base::Endpoint& from, DtlsHandshake::Datagram datagram) {
  if (!handshake_ || begin_at_) {
    means_.counters.add(Counter::drop_dtls_stray);
    return;
  }
  party_ = from;
  handshake_->take(datagram);
  look();
  arm();
}

void DtlsAssociation::on_timer(std::uint64_t) {
  if (!handshake_) return;
  if (end_at_ && now() >= *end_at_) return on_end();
  if (begin_at_) {
    if (now() >= *begin_at_) {
      begin_at_.reset();
      handshake_->begin();
    }
  } else {
    handshake_->repeat();
  }
  look();
  arm();
}

void DtlsAssociation::on_end() {
  if (done_) {
    handshake_.reset();
  } else if (datapath_.knows_party(setup_.key, setup_.generation)) {
    fail(DtlsFailure::kTime);
  } else {
    // Its session is held, by an address that is none: it isn't late.
    end_at_ = now() + kMost;
    arm();
  }
}

// What has become of it.
void DtlsAssociation::look() {
  switch (handshake_->state()) {
    case State::kRunning:
      return;
    case State::kDone:
      if (!done_) finish();
      return;
    case State::kClosed:
      handshake_.reset();
      return;
    case State::kMismatch:
      fail(DtlsFailure::kFingerprint);
      return;
    case State::kNoProfile:
      fail(DtlsFailure::kProfile);
      return;
    case State::kBroken:
    case State::kUnanswered:
      means_.counters.add(Counter::dtls_begun_again);
      make_handshake();
      if (setup_.role == DtlsRole::kClient) begin_at_ = now() + kPause;
      return;
  }
}

void DtlsAssociation::finish() {
  done_ = true;
  end_at_ = now() + kRetained;
  const SrtpKeys& keys = handshake_->keys();
  wire::SetSrtp order;
  order.suite = static_cast<std::uint8_t>(keys.suite);
  order.scope = setup_.scope;
  order.anew = 1;
  order.in = keys.in;
  order.out = keys.out;
  datapath_.set_srtp(setup_.key, setup_.generation, order);
  crypto::wipe(&order, sizeof order);
  handshake_->forget_keys();
  if (setup_.role == DtlsRole::kClient) handshake_.reset();
  means_.counters.add(Counter::dtls_agreed);
}

void DtlsAssociation::fail(DtlsFailure failure) {
  handshake_.reset();
  means_.counters.add(Counter::dtls_failed);
  listener_.on_dtls_failed(setup_.key, failure);
}

void DtlsAssociation::arm() {
  means_.wheel.cancel(timer_);
  if (!handshake_) return;
  std::optional<base::Nanos> next = begin_at_ ? begin_at_ : end_at_;
  if (begin_at_ && end_at_) next = std::min(*begin_at_, *end_at_);
  if (!begin_at_) {
    if (const auto due = handshake_->due())
      next = std::min(next.value_or(now() + *due), now() + *due);
  }
  if (next) timer_ = means_.wheel.arm(*next, *this, 0);
}

}  // namespace tandem::media
