#include "controlplane/sip/message.h"

#include <cstring>
#include <utility>

#include "controlplane/sip/header_names.h"
#include "drivers/base/text.h"

namespace tandem::sip {
namespace {

constexpr std::string_view kMethods[] = {
    "",       "INVITE", "ACK",     "BYE",       "CANCEL", "OPTIONS", "REGISTER", "PRACK",
    "UPDATE", "INFO",   "MESSAGE", "SUBSCRIBE", "NOTIFY", "REFER",   "PUBLISH",
};
static_assert(std::size(kMethods) == static_cast<std::size_t>(Method::kPublish) + 1);

}  // namespace

std::string_view header_name(HeaderId id) {
  return id < HeaderId::kCount ? header_names::name_of(static_cast<std::size_t>(id))
                               : std::string_view{};
}

std::string_view header_start(HeaderId id) {
  return id < HeaderId::kCount ? header_names::kWithColon[static_cast<std::size_t>(id)]
                               : std::string_view{};
}

HeaderId header_id(std::string_view name) {
  if (name.size() >= header_names::kRoom) return HeaderId::kOther;
  const auto block = base::load_part<base::ByteBlock>(name.data(), name.size());
  return header_names::find(block, name.data(), name.size());
}

Method method_of(std::string_view name) {
  for (std::size_t i = 1; i < std::size(kMethods); ++i) {
    if (kMethods[i] == name) return static_cast<Method>(i);
  }
  return Method::kOther;
}

std::string_view method_name(Method method) { return kMethods[static_cast<std::size_t>(method)]; }

void Message::clear() {
  is_request_ = false;
  method_ = Method::kOther;
  status_ = 0;
  method_name_ = request_uri_ = reason_ = body_ = call_id_ = from_tag_ = to_tag_ = {};
  cseq_ = {};
  target_ = {};
  from_ = to_ = {};
  top_via_ = {};
  max_forwards_.reset();
  has_contact_ = false;
  first_ = {};
  header_count_ = 0;
}

const Header* Message::find(HeaderId id) const {
  if (id == HeaderId::kOther || id >= HeaderId::kCount) {
    for (const Header& header : headers()) {
      if (header.id == id) return &header;
    }
    return nullptr;
  }
  const std::size_t line = first_[static_cast<std::size_t>(id)];
  return line == 0 ? nullptr : &room_.lines[line - 1];
}

std::string_view Message::value(HeaderId id) const {
  const Header* header = find(id);
  return header == nullptr ? std::string_view{} : header->value;
}

std::size_t Message::count(HeaderId id) const {
  std::size_t found = 0;
  for (const Header& header : headers()) found += header.id == id ? 1 : 0;
  return found;
}

std::string_view next_value(std::string_view& rest) {
  // Nearly all are alone.
  if (rest.empty() || std::memchr(rest.data(), ',', rest.size()) == nullptr) {
    return base::trim(std::exchange(rest, rest.substr(rest.size())));
  }
  bool quoted = false;
  bool bracketed = false;
  std::size_t at = 0;
  for (; at < rest.size(); ++at) {
    const char c = rest[at];
    if (quoted) {
      if (c == '\\')
        ++at;
      else if (c == '"')
        quoted = false;
    } else if (bracketed) {
      if (c == '>') bracketed = false;
    } else if (c == ',') {
      break;
    } else if (c == '"') {
      quoted = true;
    } else if (c == '<') {
      bracketed = true;
    }
  }
  at = at < rest.size() ? at : rest.size();
  const auto value = base::trim(rest.substr(0, at));
  rest.remove_prefix(at < rest.size() ? at + 1 : at);
  return value;
}

bool lists_token(const Message& message, HeaderId id, std::string_view token) {
  bool found = false;
  each_value(message, id, [&](std::string_view value) {
    const auto name = base::trim(base::split_first(value, ';'));
    if (base::iequals(name, token)) found = true;
  });
  return found;
}

}  // namespace tandem::sip
