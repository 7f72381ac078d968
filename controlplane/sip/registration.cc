#include "controlplane/sip/registration.h"

#include <fmt/format.h>

#include <algorithm>

#include "drivers/base/text.h"

namespace tandem::sip {
namespace {

constexpr std::size_t kContactMost = 512;  // octets of URI and parameters
constexpr std::size_t kPathMost = 1024;

std::string_view unquoted(std::string_view text) {
  if (text.size() >= 2 && text.front() == '"' && text.back() == '"') {
    return text.substr(1, text.size() - 2);
  }
  return text;
}

// §20.10: 0 to 1 with up to three digits behind the point.
std::optional<std::uint16_t> parse_q(std::string_view text) {
  std::string_view rest = text;
  const auto whole = base::parse_uint(base::split_first(rest, '.'), 1);
  if (!whole || rest.size() > 3) return std::nullopt;
  std::uint16_t out = 0;
  for (std::size_t i = 0; i < 3; ++i) {
    const char digit = i < rest.size() ? rest[i] : '0';
    if (!base::is_digit(digit)) return std::nullopt;
    out = static_cast<std::uint16_t>(out * 10 + (digit - '0'));
  }
  if (*whole == 1 && out != 0) return std::nullopt;
  return *whole == 1 ? std::uint16_t{1000} : out;
}

// No value: not a number; what is too large is the largest.
std::optional<std::uint32_t> parse_seconds(std::string_view text) {
  if (text.empty() || !std::all_of(text.begin(), text.end(), base::is_digit)) return std::nullopt;
  return static_cast<std::uint32_t>(base::parse_uint(text, UINT32_MAX).value_or(UINT32_MAX));
}

std::optional<RegisterFault> read_contact(const NameAddr& address, const base::KeyedHash::Key& key,
                                          std::optional<std::uint32_t> expires, ContactWish& wish) {
  if (address.uri.scheme != Scheme::kSip && address.uri.scheme != Scheme::kSips) {
    return RegisterFault{400, "Contact Is No SIP URI"};
  }
  wish.uri = address.uri;
  wish.expires = expires;
  std::string_view instance;
  std::string_view reg_id;
  for (std::string_view rest = address.params; !rest.empty();) {
    const auto param = next_param(rest);
    auto value = param;
    const auto name = base::trim(base::split_first(value, '='));
    value = base::trim(value);
    if (base::iequals(name, "q")) {
      const auto q = parse_q(value);
      if (!q) return RegisterFault{400, "Bad q in Contact"};
      wish.q = *q;
    } else if (base::iequals(name, "expires")) {
      // §10.2.1.1: malformed is as if it weren't there.
      if (const auto seconds = parse_seconds(unquoted(value))) wish.expires = seconds;
    } else if (!param.empty()) {
      wish.params.append(";").append(param);
      if (base::iequals(name, "+sip.instance")) instance = value;
      if (base::iequals(name, "reg-id")) reg_id = value;
    }
  }
  if (address.uri.text.size() + wish.params.size() > kContactMost) {
    return RegisterFault{400, "Contact Too Long"};
  }
  if (!instance.empty()) {
    wish.instance = (base::KeyedHash(key) << instance << reg_id).digest().low | 1;
  }
  return std::nullopt;
}

std::optional<Uri> uri_of(const Binding& binding) { return parse_uri(binding.uri()); }

Binding* find(std::vector<Binding>& bindings, const ContactWish& contact) {
  for (Binding& binding : bindings) {
    const auto uri = uri_of(binding);
    if (uri && same_uri(*uri, contact.uri)) return &binding;
  }
  return nullptr;
}

// §10.3 step 7: of one Call-ID, a later REGISTER comes with a higher CSeq.
bool out_of_order(const Binding& binding, const RegisterWish& wish) {
  return binding.registration == wish.registration && binding.cseq >= wish.cseq;
}

Seconds granted(const ContactWish& contact, const RegistrationPolicy& policy) {
  if (!contact.expires) return policy.most;
  return std::min(Seconds{*contact.expires}, policy.most);
}

// Devices that have nothing to do with this REGISTER, each as its oldest binding.
std::vector<const Binding*> others(const std::vector<Binding>& bindings, const RegisterWish& wish) {
  std::vector<const Binding*> out;
  for (const Binding& binding : bindings) {
    if (binding.registration == wish.registration) continue;
    const auto theirs = [&](const ContactWish& contact) {
      const auto uri = uri_of(binding);
      return (contact.instance != 0 && contact.instance == binding.instance) ||
             (uri && same_uri(*uri, contact.uri));
    };
    if (std::any_of(wish.contacts.begin(), wish.contacts.end(), theirs)) continue;
    const auto known = std::find_if(out.begin(), out.end(), [&](const Binding* other) {
      return other->registration == binding.registration;
    });
    if (known == out.end())
      out.push_back(&binding);
    else if (binding.registered < (*known)->registered)
      *known = &binding;
  }
  std::sort(out.begin(), out.end(),
            [](const Binding* a, const Binding* b) { return a->registered < b->registered; });
  return out;
}

void write(Binding& binding, const ContactWish& contact, const RegisterWish& wish) {
  std::string texts;
  texts.reserve(contact.uri.text.size() + contact.params.size() + wish.path.size());
  texts.append(contact.uri.text).append(contact.params).append(wish.path);
  if (binding.texts != texts) binding.texts = texts;
  binding.uri_size = static_cast<std::uint16_t>(contact.uri.text.size());
  binding.params_size = static_cast<std::uint16_t>(contact.params.size());
  binding.q = contact.q;
  binding.instance = contact.instance;
  binding.cseq = wish.cseq;
  binding.registration = wish.registration;
}

// What speaks against it as a whole; 200: nothing does.
int judge(std::vector<Binding>& bindings, const RegisterWish& wish,
          const RegistrationPolicy& policy) {
  std::size_t fresh = 0;
  for (const ContactWish& contact : wish.contacts) {
    const Seconds seconds = granted(contact, policy);
    if (seconds.count() != 0 && seconds < policy.least) return 423;
    const Binding* binding = find(bindings, contact);
    if (binding != nullptr && out_of_order(*binding, wish)) return 500;
    if (binding == nullptr && seconds.count() != 0) ++fresh;
  }
  return bindings.size() + fresh > RegistrationPolicy::kContactsMax ? 403 : 200;
}

}  // namespace

std::optional<RegisterFault> read_register(const Message& request, const base::KeyedHash::Key& key,
                                           RegisterWish& wish) {
  wish.registration = (base::KeyedHash(key) << request.call_id()).digest().low;
  wish.cseq = request.cseq().number;
  const auto expires = parse_seconds(request.value(HeaderId::kExpires));
  std::optional<RegisterFault> fault;
  std::size_t values = 0;
  each_value(request, HeaderId::kContact, [&](std::string_view value) {
    ++values;
    if (fault) return;
    const auto address = parse_name_addr(value);
    if (!address) {
      fault = {400, "Bad Contact"};
    } else if (address->star) {
      wish.remove_all = true;
    } else if (wish.contacts.size() == RegistrationPolicy::kContactsMax) {
      fault = {403, "Too Many Contacts"};
    } else {
      fault = read_contact(*address, key, expires, wish.contacts.emplace_back());
    }
  });
  if (fault) return fault;
  if (wish.remove_all && (values != 1 || expires != 0u)) {
    return RegisterFault{400, "Contact * Needs Expires 0 and Stands Alone"};
  }
  each_value(request, HeaderId::kPath, [&](std::string_view value) {
    if (!wish.path.empty()) wish.path += ", ";
    wish.path += value;
  });
  if (wish.path.size() > kPathMost) return RegisterFault{400, "Path Too Long"};
  return std::nullopt;
}

RegisterOutcome apply_register(std::vector<Binding>& bindings, const RegisterWish& wish,
                               const RegistrationPolicy& policy, const Path& way, bool behind_nat,
                               Nanos now) {
  RegisterOutcome out;
  out.removed = drop_expired(bindings, now);
  if (wish.remove_all) {
    const auto late = [&](const Binding& binding) { return out_of_order(binding, wish); };
    if (std::any_of(bindings.begin(), bindings.end(), late)) {
      out.status = 500;
      return out;
    }
    out.removed += static_cast<std::uint32_t>(bindings.size());
    bindings.clear();
    return out;
  }
  out.status = judge(bindings, wish, policy);
  if (out.status != 200) return out;
  const bool adds =
      std::any_of(wish.contacts.begin(), wish.contacts.end(), [&](const auto& contact) {
        return granted(contact, policy).count() != 0 && find(bindings, contact) == nullptr;
      });
  if (adds) {
    const auto devices = others(bindings, wish);
    if (devices.size() >= policy.devices) {
      if (!policy.replace) {
        out.status = 403;
        return out;
      }
      std::vector<std::uint64_t> leaving;
      for (std::size_t i = 0; i <= devices.size() - policy.devices; ++i) {
        leaving.push_back(devices[i]->registration);
      }
      std::erase_if(bindings, [&](Binding& binding) {
        const auto found = std::find(leaving.begin(), leaving.end(), binding.registration);
        if (found == leaving.end()) return false;
        out.kicked.push_back(binding);
        return true;
      });
    }
  }
  for (const ContactWish& contact : wish.contacts) {
    const Seconds seconds = granted(contact, policy);
    Binding* binding = find(bindings, contact);
    if (seconds.count() == 0) {
      if (binding == nullptr) continue;
      bindings.erase(bindings.begin() + (binding - bindings.data()));
      ++out.removed;
      continue;
    }
    // RFC 5626 §6: a device that has moved leaves nothing behind.
    out.removed += static_cast<std::uint32_t>(std::erase_if(bindings, [&](const Binding& other) {
      return contact.instance != 0 && other.instance == contact.instance && &other != binding;
    }));
    binding = find(bindings, contact);
    if (binding == nullptr) {
      bindings.reserve(bindings.size() + 1);  // mostly there is one: no room for more
      binding = &bindings.emplace_back();
      binding->registered = now;
      ++out.added;
    }
    write(*binding, contact, wish);
    binding->behind_nat = behind_nat;
    binding->way = PackedPath::of(way);
    binding->expires = now + seconds;
    binding->heard = now;
    binding->silent = false;
  }
  return out;
}

std::uint32_t drop_expired(std::vector<Binding>& bindings, Nanos now) {
  return static_cast<std::uint32_t>(
      std::erase_if(bindings, [now](const Binding& binding) { return binding.expires <= now; }));
}

std::string contact_value(const Binding& binding, Nanos now) {
  // Rounded up: what is left of a second is a second.
  const auto seconds = (binding.expires - now + Seconds{1} - Nanos{1}) / Seconds{1};
  std::string out = fmt::format("<{}>{};expires={}", binding.uri(), binding.params(), seconds);
  if (binding.q != 1000) out += fmt::format(";q=0.{:03}", binding.q);
  return out;
}

}  // namespace tandem::sip
