// The torture messages of RFC 4475, and a seeded storm of mutations over them.
#include <gtest/gtest.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include "controlplane/sip/builder.h"
#include "tests/unit/controlplane/sip/sip_bytes.h"

namespace tandem::sip {
namespace {

struct Row {
  const char* file;
  ParseVerdict verdict;
  int status;
};

constexpr auto kOk = ParseVerdict::kOk;
constexpr auto kBad = ParseVerdict::kBadRequest;
constexpr auto kGarbage = ParseVerdict::kGarbage;

// What the parser alone has to say. Where it says kOk and the RFC expects a refusal, the refusal is
// a higher floor's, as noted.
constexpr Row kRows[] = {
    {"TC_WSINV", kOk, 0},          // 3.1.1.1  a short tortuous INVITE
    {"TC_INTMETH", kOk, 0},        // 3.1.1.2  wide range of valid characters; 501 or 405 is above
    {"TC_ESC01_V", kOk, 0},        // 3.1.1.3  valid use of %
    {"TC_ESCNULL_V", kOk, 0},      // 3.1.1.4  escaped nulls
    {"TC_ESC02_V", kOk, 0},        // 3.1.1.5  % that is no escape; an unknown method, 501 is above
    {"TC_LWSDISP_V", kOk, 0},      // 3.1.1.6  no blank before '<'
    {"TC_LONGREQ_V", kOk, 0},      // 3.1.1.7  long values
    {"TC_DBLREQ", kOk, 0},         // 3.1.1.8  extra octets behind the message are dropped
    {"TC_SEMIURI_V", kOk, 0},      // 3.1.1.9  ';' in the user part
    {"TC_TRANSPORTS_V", kOk, 0},   // 3.1.1.10 unknown transports
    {"TC_MPART01", kOk, 0},        // 3.1.1.11 multipart body, binary
    {"TC_UNREASON_V", kOk, 0},     // 3.1.1.12 unusual reason phrase
    {"TC_NOREASON_V", kOk, 0},     // 3.1.1.13 empty reason phrase
    {"TC_BADINV01_I", kBad, 400},  // 3.1.2.1  extraneous separators
    {"TC_CLERR_I", kBad, 400},     // 3.1.2.2  Content-Length larger than the message
    {"TC_NCL_I", kBad, 400},       // 3.1.2.3  negative Content-Length
    {"TC_SCALAR02_V", kBad, 400},  // 3.1.2.4  overlarge scalars in a request
    {"TC_SCALARLG_V", kGarbage, 0},  // 3.1.2.5  overlarge scalars in a response: dropped
    {"TC_QUOTBAL_I", kBad, 400},     // 3.1.2.6  quote never closed
    {"TC_LTGTRURI_I", kBad, 400},    // 3.1.2.7  <> around the Request-URI
    {"TC_LWSRURI_I", kBad, 400},     // 3.1.2.8  blank in the Request-URI
    {"TC_LWSSTART_V", kOk, 0},       // 3.1.2.9  two spaces: may be refused, may be let pass
    {"TC_TRWS_I", kBad, 400},        // 3.1.2.10 spaces at the end of the Request-Line
    {"TC_ESCRURI_V", kOk, 0},        // 3.1.2.11 headers in the Request-URI: may be ignored; above
    {"TC_BADDATE_V", kOk, 0},        // 3.1.2.12 bad Date: we never look at it
    {"TC_REGBADCT_I", kBad, 400},    // 3.1.2.13 '?' in a Contact without <>
    {"TC_BADASPEC_I", kBad, 400},    // 3.1.2.14 spaces within addr-spec
    {"TC_BADDN_I", kBad, 400},       // 3.1.2.15 ',' in a display name without quotes
    {"TC_BADVERS_V", kBad, 505},     // 3.1.2.16 SIP/7.0
    {"TC_MISMATCH01_V", kBad, 400},  // 3.1.2.17 CSeq method differs
    {"TC_MISMATCH02_V", kBad, 501},  // 3.1.2.18 and the method is unknown
    {"TC_BIGCODE_V", kGarbage, 0},   // 3.1.2.19 overlarge status code: dropped
    {"TC_BADBRANCH_V", kOk, 0},   // 3.2.1    nothing behind the magic cookie; transactions' matter
    {"TC_INSUF_I", kBad, 400},    // 3.3.1    no Call-ID, From, To
    {"TC_UNKSCM_V", kBad, 416},   // 3.3.2    unknown scheme
    {"TC_NOVELSC_V", kBad, 416},  // 3.3.3    known but atypical scheme
    {"TC_UNKSM2_V", kOk, 0},      // 3.3.4    unknown schemes in header fields; the registrar's 400
    {"TC_BEXT01_V", kOk, 0},      // 3.3.5    Require; 420 is above
    {"TC_INVUT_V", kOk, 0},       // 3.3.6    unknown Content-Type; 415 is above
    {"TC_REGAUT01_V", kOk, 0},    // 3.3.7    unknown Authorization scheme; 401 is above
    {"TC_MULTI01_I", kBad, 400},  // 3.3.8    several CSeq, Call-ID, To, From, Max-Forwards
    {"TC_MCL01_I", kBad, 400},    // 3.3.9    two Content-Lengths
    {"TC_BCAST_V", kOk, 0},       // 3.3.10   second Via is a broadcast address; never sent on
    {"TC_ZEROMF_V", kOk, 0},      // 3.3.11   Max-Forwards 0; we are where it ends
    {"TC_CPARAM01_V", kOk, 0},    // 3.3.12   Contact parameter
    {"TC_CPARAM02_V", kOk, 0},    // 3.3.13   URI parameter
    {"TC_REGESCRT_V", kOk, 0},    // 3.3.14   escaped header within <>
    {"TC_SDP01_V", kOk, 0},       // 3.3.15   Accept without SDP; 406 is above
    {"TC_INV2543_I", kOk, 0},     // 3.4.1    RFC 2543: legal then, understood now
    {"TC_TEST_I", kGarbage, 0},   // not the RFC's: no SIP-Version, no Via
};

std::filesystem::path folder() {
  const char* named = std::getenv("TANDEM_TEST_DATA");
  const std::filesystem::path root =
      named != nullptr ? named : TANDEM_SOURCE_ROOT "/../shared/data";
  return root / "rfc4475";
}

std::string contents(const std::string& name) {
  std::ifstream in(folder() / (name + ".dat"), std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

TEST(Torture, Rfc4475) {
  if (!std::filesystem::exists(folder())) {
    GTEST_SKIP() << "no RFC 4475 messages: " << folder() << " (set TANDEM_TEST_DATA)";
  }
  std::array<char, 65536> buffer;
  for (const Row& row : kRows) {
    const auto bytes = contents(row.file);
    ASSERT_FALSE(bytes.empty()) << row.file;
    const Parsed p(bytes);
    EXPECT_EQ(p.outcome.verdict, row.verdict) << row.file << ": " << p.outcome.reason;
    EXPECT_EQ(p.outcome.status, row.status) << row.file << ": " << p.outcome.reason;
    if (row.verdict == kGarbage || !p.message.is_request()) continue;
    auto answer = start_response(buffer, p.message, "192.0.2.77", 5060, 400, {}, "us");
    EXPECT_TRUE(answer.finish()) << row.file;
  }
}

TEST(Torture, EveryFileHasItsRow) {
  if (!std::filesystem::exists(folder())) GTEST_SKIP() << "no RFC 4475 messages: " << folder();
  std::size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder())) {
    files += entry.path().extension() == ".dat" ? 1 : 0;
  }
  EXPECT_EQ(files, std::size(kRows));
}

TEST(Torture, TortuousInviteIsUnderstood) {
  if (!std::filesystem::exists(folder())) GTEST_SKIP() << "no RFC 4475 messages: " << folder();
  const Parsed p(contents("TC_WSINV"));
  ASSERT_EQ(p.outcome.verdict, kOk);
  const Message& m = p.message;
  EXPECT_EQ(m.to_tag(), "1918181833n");
  EXPECT_EQ(m.from_tag(), "98asjd8");
  EXPECT_EQ(m.from().display, "\"J Rosenberg \\\\\\\"\"");
  EXPECT_EQ(m.max_forwards(), 68u);
  EXPECT_EQ(m.cseq().number, 9u);
  EXPECT_EQ(m.top_via().host, "192.0.2.2");
  EXPECT_EQ(m.top_via().branch, "390skdjuw");
  EXPECT_EQ(m.body().size(), 150u);
  std::vector<std::string> branches;
  each_value(m, HeaderId::kVia,
             [&](std::string_view v) { branches.emplace_back(parse_via(v)->branch); });
  EXPECT_EQ(branches, (std::vector<std::string>{"390skdjuw", "z9hG4bK9ikj8", "z9hG4bK30239"}));
  const auto contact = parse_name_addr(m.value(HeaderId::kContact));
  ASSERT_TRUE(contact);
  EXPECT_EQ(find_param(contact->params, "newparam"), "newvalue");
  EXPECT_EQ(find_param(contact->params, "q"), "0.33");
}

TEST(Torture, UnusualCharactersAreUnderstood) {
  if (!std::filesystem::exists(folder())) GTEST_SKIP() << "no RFC 4475 messages: " << folder();
  const Parsed p(contents("TC_INTMETH"));
  ASSERT_EQ(p.outcome.verdict, kOk);
  const auto uri = parse_uri(p.message.request_uri());
  ASSERT_TRUE(uri);
  EXPECT_EQ(uri->host, "example.com");
  EXPECT_EQ(uri->user, "1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*");
  EXPECT_EQ(uri->password, "&it+has=1,weird!*pas$wo~d_too.(doesn't-it)");
  EXPECT_EQ(p.message.from_tag(), "_token~1'+`*%!-.");
  EXPECT_EQ(p.message.from().display, "token1~` token2'+_ token3*%!.-");
  EXPECT_EQ(p.message.method(), Method::kOther);
}

// Changes a few places of `bytes`: a byte, a piece gone, a piece twice, a cut, a word that matters.
void mutate(std::string& bytes, std::mt19937_64& random) {
  constexpr const char* kWords[] = {"\r\n", "\r\n ", "\r\n\r\n", "\"",    "<",          ">",
                                    ";",    ",",     "%",        ":",     "SIP/2.0",    "\\",
                                    "[",    "]",     "=",        "Via: ", "4294967296", "-1"};
  const auto changes = 1 + random() % 3;
  for (std::uint64_t i = 0; i < changes && !bytes.empty(); ++i) {
    const auto at = random() % bytes.size();
    const auto length = std::min<std::size_t>(random() % 24, bytes.size() - at);
    switch (random() % 6) {
      case 0:
        bytes[at] = static_cast<char>(random());
        break;
      case 1:
        bytes.erase(at, length);
        break;
      case 2:
        bytes.insert(at, bytes.substr(at, length));
        break;
      case 3:
        bytes.resize(at);
        break;
      default:
        bytes.insert(at, kWords[random() % std::size(kWords)]);
        break;
    }
  }
}

// Asks everything that a message can be asked; the sanitizers watch.
std::size_t read_all(const Message& message, std::span<char> buffer) {
  std::size_t seen = message.body().size() + message.to_tag().size() + message.from_tag().size();
  for (int id = 0; id < static_cast<int>(HeaderId::kCount); ++id) {
    each_value(message, static_cast<HeaderId>(id), [&](std::string_view value) {
      const auto party = parse_name_addr(value);
      const auto via = parse_via(value);
      seen += (party ? party->uri.text.size() : 0) + (via ? via->host.size() : 0);
    });
  }
  auto answer = start_response(buffer, message, "192.0.2.77", 5060, 200, {}, "us");
  const auto text = answer.finish();
  return seen + (text ? text->size() : 0);
}

TEST(Torture, Mutations) {
  std::vector<std::string> seeds{invite_with("Content-Length: 4") + "v=0\n",
                                 invite_with("", "SIP/2.0 200 OK"),
                                 invite_with("Subject: a\r\n b\r\nRoute: <sip:a;lr>, <sip:b;lr>")};
  if (std::filesystem::exists(folder())) {
    for (const Row& row : kRows) seeds.push_back(contents(row.file));
  }
  std::mt19937_64 random(4475);
  std::array<char, 65536> buffer;
  std::array<std::size_t, 4> verdicts{};
  std::size_t seen = 0;
  for (int round = 0; round < 200'000; ++round) {
    auto bytes = seeds[random() % seeds.size()];
    mutate(bytes, random);
    const Parsed p(bytes);
    ++verdicts[static_cast<std::size_t>(p.outcome.verdict)];
    const bool refused = p.outcome.verdict == ParseVerdict::kBadRequest;
    ASSERT_EQ(refused, p.outcome.status != 0);
    if (refused || p.outcome.verdict == ParseVerdict::kOk) seen += read_all(p.message, buffer);
    if (p.outcome.verdict != ParseVerdict::kOk) continue;
    // What was unfolded in place is the same message still.
    const Parsed again({p.buffer.get(), p.size});
    ASSERT_EQ(again.outcome.verdict, ParseVerdict::kOk);
    ASSERT_EQ(again.message.headers().size(), p.message.headers().size());
  }
  EXPECT_GT(verdicts[0], 1000u);
  EXPECT_GT(verdicts[2], 1000u);
  EXPECT_GT(verdicts[3], 1000u);
  EXPECT_GT(seen, 0u);
}

}  // namespace
}  // namespace tandem::sip
