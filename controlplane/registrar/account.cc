#include "controlplane/registrar/account.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "controlplane/sip/digest_hash.h"
#include "drivers/base/text.h"

namespace tandem::registrar {
namespace {

using sip::DigestAlgorithm;

constexpr std::size_t kUserMax = 64;
constexpr std::size_t kPasswordMax = 128;
constexpr std::size_t kNumberMax = 32;

bool is_letter(char c) {
  const char lower = base::to_lower(c);
  return lower >= 'a' && lower <= 'z';
}

// unreserved and user-unreserved of RFC 3261 §25.1: what needs no escape in an address of record.
bool fits_user(char c) {
  constexpr std::string_view kMarks = "-_.!~*'()&=+$,;?/";
  return is_letter(c) || base::is_digit(c) || kMarks.find(c) != std::string_view::npos;
}

bool is_number(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  return !text.empty() && text.size() <= kNumberMax &&
         std::all_of(text.begin(), text.end(),
                     [](char c) { return base::is_digit(c) || c == '*' || c == '#'; });
}

bool is_plain(std::string_view text) {
  return std::none_of(text.begin(), text.end(),
                      [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

void set(const sip::Digest& digest, std::span<std::uint8_t> out) {
  std::copy_n(digest.octets().begin(), out.size(), out.begin());
}

base::Result<void> check_secret(const AccountWords& words, AccountEdit& edit) {
  const bool hashed = words.ha1_md5 || words.ha1_sha256;
  if (!hashed && !words.password) return {};
  if (hashed && words.password) {
    return base::error("a password and its ha1 are one too many: give one of them");
  }
  Ha1 ha1;
  if (words.password) {
    const std::string& password = *words.password;
    if (password.empty() || password.size() > kPasswordMax || !is_plain(password)) {
      return base::error(fmt::format(
          "a password has 1 to {} octets, none of them a control character", kPasswordMax));
    }
    set(sip::ha1_of(DigestAlgorithm::kMd5, edit.user, edit.realm, password), ha1.md5);
    set(sip::ha1_of(DigestAlgorithm::kSha256, edit.user, edit.realm, password), ha1.sha256);
  } else {
    if (!words.ha1_md5 || !words.ha1_sha256) {
      return base::error("ha1_md5 and ha1_sha256 are needed both: phones choose between them");
    }
    if (!sip::parse_hex(*words.ha1_md5, ha1.md5)) {
      return base::error("ha1_md5 is not 32 hexadecimal digits");
    }
    if (!sip::parse_hex(*words.ha1_sha256, ha1.sha256)) {
      return base::error("ha1_sha256 is not 64 hexadecimal digits");
    }
  }
  edit.ha1 = ha1;
  return {};
}

base::Result<void> check_numbers(const std::vector<std::string>& numbers) {
  if (numbers.size() > Account::kNumbersMax) {
    return base::error(
        fmt::format("{} numbers: {} are the most", numbers.size(), Account::kNumbersMax));
  }
  for (auto number = numbers.begin(); number != numbers.end(); ++number) {
    if (!is_number(*number)) {
      return base::error(fmt::format("\"{}\" is no number: 1 to {} of 0-9 * #, after a + or not",
                                     *number, kNumberMax));
    }
    if (std::find(numbers.begin(), number, *number) != number) {
      return base::error(fmt::format("number {} stands there twice", *number));
    }
  }
  return {};
}

}  // namespace

base::Result<AccountEdit> check_words(const AccountWords& words,
                                      const std::vector<std::string>& realms) {
  AccountEdit edit;
  edit.user = words.user;
  if (words.user.empty()) return base::error("an account needs a user");
  if (words.user.size() > kUserMax ||
      !std::all_of(words.user.begin(), words.user.end(), fits_user)) {
    return base::error(
        fmt::format("a user is 1 to {} letters, digits and -_.!~*'()&=+$,;?/", kUserMax));
  }
  const auto realm = std::find_if(realms.begin(), realms.end(), [&](const std::string& known) {
    return words.realm.empty() || base::iequals(known, words.realm);
  });
  if (realm == realms.end()) {
    return base::error(fmt::format("\"{}\" is none of the switch's realms", words.realm));
  }
  edit.realm = *realm;
  if (auto good = check_secret(words, edit); !good) return std::move(good).take_error();
  if (words.numbers) {
    if (auto good = check_numbers(*words.numbers); !good) return std::move(good).take_error();
  }
  edit.numbers = words.numbers;
  if (words.devices && (*words.devices == 0 || *words.devices > Account::kDevicesMax)) {
    return base::error(fmt::format("devices must be 1..{}", Account::kDevicesMax));
  }
  if (words.devices) edit.devices = static_cast<std::uint32_t>(*words.devices);
  edit.enabled = words.enabled;
  return edit;
}

}  // namespace tandem::registrar
