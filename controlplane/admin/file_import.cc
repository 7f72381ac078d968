#include "controlplane/admin/file_import.h"

#include <fmt/format.h>

namespace tandem::admin {
namespace {

using Kind = ControlClient::Outcome::Kind;

// Of the file's text in one request; JSON may write a character as six, and 64 KiB are the most.
constexpr std::size_t kRequestMost = 60'000;
constexpr std::size_t kLineMost = 8'000;
// A million rows are synced and laid into the table then.
constexpr base::Seconds kFinishPatience{120};

std::size_t written_size(const std::string& text) {
  return Json(text).dump(-1, ' ', false, Json::error_handler_t::replace).size();
}

}  // namespace

ControlClient::Outcome import_file(ControlClient& client, const std::string& what, Json begin,
                                   std::istream& file) {
  const std::string command = what + " import ";
  begin["format"] = file.peek() == '{' ? "json" : "csv";
  auto outcome = client.ask(command + "begin", begin);
  if (outcome.kind != Kind::kDone) return outcome;
  const Json import = outcome.result["import"];
  std::string piece;
  std::size_t size = 0;
  const auto send = [&] {
    outcome =
        client.ask(command + "rows", {{"import", import}, {"text", piece}}, base::Seconds{30});
    piece.clear();
    size = 0;
    return outcome.kind == Kind::kDone;
  };
  std::uint64_t number = 0;
  for (std::string line; std::getline(file, line);) {
    ++number;
    if (line.size() > kLineMost) {
      client.ask(command + "cancel", {{"import", import}});
      return {.kind = Kind::kRefused,
              .error = fmt::format("line {} is longer than {} octets", number, kLineMost)};
    }
    line += '\n';
    const std::size_t more = written_size(line);
    if (size + more > kRequestMost && !send()) return outcome;
    piece += line;
    size += more;
  }
  if (!piece.empty() && !send()) return outcome;
  return client.ask(command + "finish", {{"import", import}}, kFinishPatience);
}

}  // namespace tandem::admin
