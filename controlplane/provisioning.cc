#include "controlplane/provisioning.h"

#include "drivers/base/clock.h"
#include "drivers/base/log.h"
#include "drivers/base/random.h"

namespace tandem {

Provisioning::Provisioning(const registrar::Secrets& secrets, const config::Parameters& parameters)
    : secrets_(secrets),
      table_(secrets.hash),
      keepalive_pace_(parameters.SS_SIP_NAT_KEEP_ALIVE_SEND_ONE_TIME,
                      parameters.SS_SIP_NAT_KEEP_ALIVE_SEND_INTERVAL, base::monotonic_now()) {}

base::Result<std::unique_ptr<Provisioning>> Provisioning::open(
    const config::Registrar& settings, const config::Parameters& parameters,
    std::function<void(const Keep&)> hold) {
  base::KernelRandom random;
  auto store = registrar::BindingStore::open(settings.registrations, random);
  if (!store) return std::move(store).take_error();
  auto secrets = registrar::Secrets::make(random);
  secrets.hash = (*store)->hash();
  std::unique_ptr<Provisioning> out(new Provisioning(secrets, parameters));
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
  out->store_ = std::move(store).value();
  out->store_->start(out->bindings_, out->table_);
  return out;
}

}  // namespace tandem
