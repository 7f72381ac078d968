// parse_bench: what it costs to read and write SIP and SDP, on the messages of perf/messages.h. All
// in one thread, in time of that thread alone; compare only figures of one run.
//
// Usage: parse_bench [quick]: quick is for the tests, which only see that it runs.
#include <algorithm>
#include <array>
#include <cstdlib>
#include <string>
#include <vector>

#include "controlplane/sdp/sdp.h"
#include "controlplane/sip/builder.h"
#include "controlplane/sip/parser.h"
#include "perf/messages.h"
#include "perf/parse_driver.h"
#include "perf/work_meter.h"

namespace tandem::perf {
namespace {

class Bench {
 public:
  Bench(int rounds, int times) : rounds_(rounds), times_(times) {}

  void parse(const Sample& sample) {
    measure(("parse_" + std::string(sample.name)).c_str(), rounds_, times_, [&] {
      std::copy(sample.bytes.begin(), sample.bytes.end(), slot_.begin());
      const std::span<char> datagram(slot_.data(), sample.bytes.size());
      if (sip::Parser::parse(datagram, message_).verdict != sip::ParseVerdict::kOk) std::abort();
    });
  }
  void uri() {
    measure("parse_uri", rounds_, times_, [] {
      const auto uri = sip::parse_uri("sip:4930123456789@198.51.100.1:5060;user=phone");
      touch(uri);
    });
  }
  // The answer to the INVITE, with a description; parse() must have read it last.
  void answer() {
    measure("build_answer", rounds_, times_, [&] {
      auto out = sip::start_response(slot_out_, message_, "192.0.2.10", 5060, 200, {}, "7f3c1b2a");
      out.header(sip::HeaderId::kContact, "<sip:198.51.100.1:5060>");
      if (!out.finish("application/sdp", body_of(kOk))) std::abort();
    });
  }
  void sdp() {
    const auto text = body_of(kInvite);
    measure("sdp_parse", rounds_, times_, [&] {
      const auto read = sdp::parse(text);
      touch(read);
    });
    const auto read = sdp::parse(text);
    const std::vector<sdp::LocalMedia> ends = {{*base::Endpoint::parse("203.0.113.9:20000", 0)}};
    measure("sdp_rewrite", rounds_, times_, [&] {
      const auto ours = sdp::rewrite(*read, ends);
      touch(ours);
    });
  }

 private:
  int rounds_;
  int times_;
  std::array<char, 4096> slot_{};
  std::array<char, 4096> slot_out_{};
  sip::Message message_;
};

}  // namespace
}  // namespace tandem::perf

int main(int argc, char** argv) {
  using tandem::perf::kSamples;
  const bool quick = argc > 1 && std::string(argv[1]) == "quick";
  tandem::perf::Bench bench(quick ? 1 : 7, quick ? 100 : 100'000);
  for (auto sample = kSamples.rbegin(); sample != kSamples.rend(); ++sample) bench.parse(*sample);
  bench.answer();
  bench.uri();
  bench.sdp();
  return 0;
}
