#include "controlplane/provisioning.h"

#include "drivers/base/clock.h"
#include "drivers/base/log.h"
#include "drivers/base/random.h"

namespace tandem {

base::Result<std::unique_ptr<Provisioning>> Provisioning::open(
    const config::Registrar& settings, std::function<void(const Keep&)> hold) {
  base::KernelRandom random;
  std::unique_ptr<Provisioning> out(new Provisioning(registrar::Secrets::make(random)));
  const base::Nanos start = base::monotonic_now();
  auto book = registrar::AccountBook::open(
      {.path = settings.store,
       .realms = settings.realms,
       .table = out->table_,
       .retire =
           [hold = std::move(hold)](registrar::AccountTable::Retired retired) {
             hold(std::make_shared<const registrar::AccountTable::Retired>(std::move(retired)));
           },
       .ended = [&bindings =
                     out->bindings_](const registrar::AccountKey& key) { bindings.forget(key); }});
  if (!book) return std::move(book).take_error();
  out->book_ = std::move(book).value();
  LOG(kInfo, "registrar", "{} accounts loaded in {} ms", out->table_.size(),
      (base::monotonic_now() - start) / base::Millis{1});
  return out;
}

}  // namespace tandem
