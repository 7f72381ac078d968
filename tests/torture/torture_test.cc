// Runs the torture messages. Besides its row each message must do what all do: read the same with
// and without AVX2, and be answered, where an answer is due, by something that a strict peer takes.
#include <gtest/gtest.h>

#include <array>
#include <string>

#include "controlplane/sip/builder.h"
#include "tests/torture/rows.h"

namespace tandem::torture {
namespace {

std::vector<Row> all_rows() {
  std::vector<Row> out;
  for (auto& part : {framing_rows(), header_rows(), address_rows()}) {
    out.insert(out.end(), part.begin(), part.end());
  }
  return out;
}

class Torture : public testing::TestWithParam<Row> {};

TEST_P(Torture, Verdict) {
  const Row& row = GetParam();
  const sip::Parsed p(row.bytes);
  EXPECT_EQ(p.outcome.verdict, row.verdict) << p.outcome.reason << "\n" << row.why;
  EXPECT_EQ(p.outcome.status, row.status) << p.outcome.reason << "\n" << row.why;
  const std::string read = row.read ? row.read(p.message) : row.expected;
  EXPECT_EQ(read, row.expected) << row.why;
}

TEST_P(Torture, ReadsTheSameWithoutAvx2) {
  const sip::Parsed p(GetParam().bytes);
  std::string copy = GetParam().bytes;
  Message plain;
  const auto outcome = sip::Parser::parse_plain(copy, plain);
  EXPECT_EQ(outcome.verdict, p.outcome.verdict);
  EXPECT_EQ(outcome.reason, p.outcome.reason);
  ASSERT_EQ(plain.headers().size(), p.message.headers().size());
  for (std::size_t i = 0; i < plain.headers().size(); ++i) {
    EXPECT_EQ(plain.headers()[i].id, p.message.headers()[i].id);
    EXPECT_EQ(plain.headers()[i].value, p.message.headers()[i].value);
  }
}

TEST_P(Torture, IsAnswered) {
  const sip::Parsed p(GetParam().bytes);
  if (p.outcome.verdict == kGarbage || !p.message.is_request()) return;
  const bool taken = p.outcome.verdict == kOk;
  std::array<char, 70'000> room;
  auto out = sip::start_response(room, p.message, "192.0.2.77", 5062,
                                 taken ? 200 : p.outcome.status, p.outcome.reason, "us");
  const auto text = out.finish();
  ASSERT_TRUE(text) << GetParam().why;
  const sip::Parsed answer(*text);
  EXPECT_TRUE(!taken || answer.outcome.verdict == kOk) << *text;
  EXPECT_EQ(answer.message.status(), taken ? 200 : p.outcome.status);
}

std::string name_of(const testing::TestParamInfo<Row>& row) { return row.param.name; }

INSTANTIATE_TEST_SUITE_P(Messages, Torture, testing::ValuesIn(all_rows()), name_of);

}  // namespace
}  // namespace tandem::torture
