#include "controlplane/provisioning.h"

#include "drivers/base/clock.h"
#include "drivers/base/log.h"
#include "drivers/base/random.h"

namespace tandem {

base::Result<std::unique_ptr<Provisioning>> Provisioning::open(
    const config::Registrar& settings, std::function<void(const Keep&)> hold) {
  base::KernelRandom random;
  auto secrets = registrar::Secrets::make(random);
  auto store = registrar::BindingStore::open(settings.registrations, random);
  if (store) {
    secrets.hash = (*store)->hash();
  } else {
    // No reason to refuse calls: phones register anew.
    LOG(kError, "registrar", "registrations are not kept, and were not found again: {}",
        store.error_text());
  }
  std::unique_ptr<Provisioning> out(new Provisioning(secrets));
  const base::Nanos start = base::monotonic_now();
  auto book = registrar::AccountBook::open(
      {.path = settings.store,
       .realms = settings.realms,
       .table = out->table_,
       .retire =
           [hold = std::move(hold), self = out.get()](registrar::AccountTable::Retired retired) {
             const auto keep =
                 std::make_shared<const registrar::AccountTable::Retired>(std::move(retired));
             self->keep(keep);
             hold(keep);
           },
       .ended = [&bindings =
                     out->bindings_](const registrar::AccountKey& key) { bindings.forget(key); }});
  if (!book) return std::move(book).take_error();
  out->book_ = std::move(book).value();
  LOG(kInfo, "registrar", "{} accounts loaded in {} ms", out->table_.size(),
      (base::monotonic_now() - start) / base::Millis{1});
  if (store) out->store_ = std::move(store).value();
  return out;
}

void Provisioning::begin(registrar::BindingStore::Rules rules) {
  if (!store_) return;
  restoring_ = true;
  rules.done = [this, then = std::move(rules.done)] {
    let_go();
    if (then) then();
  };
  store_->start(bindings_, table_, std::move(rules));
}

bool Provisioning::registered(std::string_view account) {
  const auto at = account.rfind('@');
  if (at == account.npos) return false;
  bool found = false;
  bindings_.look(table_.key_of(account.substr(0, at), account.substr(at + 1)),
                 [&](std::string_view, const auto& bindings) { found = !bindings.empty(); });
  return found;
}

void Provisioning::keep(const Keep& retired) {
  const std::lock_guard lock(kept_door_);
  if (restoring_) kept_.push_back(retired);
}

void Provisioning::let_go() {
  const std::lock_guard lock(kept_door_);
  restoring_ = false;
  kept_.clear();
}

}  // namespace tandem
