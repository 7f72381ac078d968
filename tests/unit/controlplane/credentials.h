// What a phone answers to a challenge (RFC 7616), and the account that it then is.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <vector>

#include "controlplane/registrar/account_table.h"
#include "controlplane/sip/digest_hash.h"

namespace tandem::test {

// What the registrar of the tests is there for.
inline const std::string kRealm = "sip.example.net";
inline const std::vector<std::string> kRealms{kRealm, "other.example"};

struct Login {
  std::string user;
  std::string password;
  std::string realm;
  sip::DigestAlgorithm algorithm = sip::DigestAlgorithm::kSha256;
};

// The header line, with its CRLF.
inline std::string credentials(const Login& login, const std::string& method,
                               const std::string& nonce, int nc = 1,
                               const std::string& header = "Authorization") {
  const std::string count = fmt::format("{:08x}", nc);
  const sip::Hex ha1(sip::ha1_of(login.algorithm, login.user, login.realm, login.password));
  const sip::Hex ha2(sip::digest_of(login.algorithm, {method, ":sip:x"}));
  const sip::Hex response(
      sip::digest_of(login.algorithm, {ha1, ":", nonce, ":", count, ":cn:auth:", ha2}));
  return fmt::format(
      "{}: Digest username=\"{}\", realm=\"{}\", nonce=\"{}\", uri=\"sip:x\", response=\"{}\", "
      "algorithm={}, qop=auth, nc={}, cnonce=\"cn\"\r\n",
      header, login.user, login.realm, nonce, std::string_view(response),
      sip::algorithm_name(login.algorithm), count);
}

inline std::string challenge_param(const std::string& response, const std::string& name) {
  const auto begin = response.find(name + "=\"") + name.size() + 2;
  return response.substr(begin, response.find('"', begin) - begin);
}

inline registrar::AccountRecord account_of(const registrar::AccountTable& accounts,
                                           const Login& login, bool enabled = true) {
  registrar::AccountRecord record{
      .key = accounts.key_of(login.user, login.realm), .ha1 = {}, .enabled = enabled};
  using sip::DigestAlgorithm;
  const auto md5 = sip::ha1_of(DigestAlgorithm::kMd5, login.user, login.realm, login.password);
  const auto sha = sip::ha1_of(DigestAlgorithm::kSha256, login.user, login.realm, login.password);
  std::copy_n(md5.octets().begin(), 16, record.ha1.md5.begin());
  std::copy_n(sha.octets().begin(), 32, record.ha1.sha256.begin());
  return record;
}

}  // namespace tandem::test
