#include "controlplane/sip/message.h"

#include "drivers/base/text.h"

namespace tandem::sip {
namespace {

struct HeaderRow {
  HeaderId id;
  std::string_view name;
  char compact;
};

constexpr HeaderRow kHeaders[] = {
#define HEADER(id, name, compact) {HeaderId::id, name, compact},
#include "controlplane/sip/headers.def"
#undef HEADER
};
constexpr std::size_t kIds = static_cast<std::size_t>(HeaderId::kCount);

// Long names by a hash of length, first and last letter, open addressing; compact forms by letter.
// Both are laid out by the compiler.
constexpr std::size_t kSlots = 256;

constexpr std::size_t slot_of(std::string_view name) {
  const auto first = static_cast<std::uint8_t>(base::to_lower(name.front()));
  const auto last = static_cast<std::uint8_t>(base::to_lower(name.back()));
  return (name.size() * 31 + first * 7u + last * 13u) % kSlots;
}

constexpr auto kByName = [] {
  std::array<std::uint8_t, kSlots> slots{};
  for (const auto& row : kHeaders) {
    std::size_t slot = slot_of(row.name);
    while (slots[slot] != 0) slot = (slot + 1) % kSlots;
    slots[slot] = static_cast<std::uint8_t>(row.id);
  }
  return slots;
}();

constexpr auto kByLetter = [] {
  std::array<std::uint8_t, 128> letters{};
  for (const auto& row : kHeaders) {
    if (row.compact == 0) continue;
    const auto letter = static_cast<std::size_t>(row.compact);
    letters[letter] = static_cast<std::uint8_t>(row.id);
  }
  return letters;
}();

constexpr std::string_view kMethods[] = {
    "",       "INVITE", "ACK",     "BYE",       "CANCEL", "OPTIONS", "REGISTER", "PRACK",
    "UPDATE", "INFO",   "MESSAGE", "SUBSCRIBE", "NOTIFY", "REFER",   "PUBLISH",
};
static_assert(std::size(kMethods) == static_cast<std::size_t>(Method::kPublish) + 1);

}  // namespace

std::string_view header_name(HeaderId id) {
  const auto row = static_cast<std::size_t>(id);
  if (row == 0 || row >= kIds) return {};
  return kHeaders[row - 1].name;
}

HeaderId header_id(std::string_view name) {
  if (name.empty()) return HeaderId::kOther;
  if (name.size() == 1) {
    const auto letter = static_cast<std::uint8_t>(base::to_lower(name.front()));
    return letter < kByLetter.size() ? static_cast<HeaderId>(kByLetter[letter]) : HeaderId::kOther;
  }
  for (std::size_t slot = slot_of(name); kByName[slot] != 0; slot = (slot + 1) % kSlots) {
    const auto id = static_cast<HeaderId>(kByName[slot]);
    if (base::iequals(header_name(id), name)) return id;
  }
  return HeaderId::kOther;
}

Method method_of(std::string_view name) {
  for (std::size_t i = 1; i < std::size(kMethods); ++i) {
    if (kMethods[i] == name) return static_cast<Method>(i);
  }
  return Method::kOther;
}

std::string_view method_name(Method method) { return kMethods[static_cast<std::size_t>(method)]; }

const Header* Message::find(HeaderId id) const {
  for (const Header& header : headers()) {
    if (header.id == id) return &header;
  }
  return nullptr;
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
