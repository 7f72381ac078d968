#include "controlplane/sip/proven_requests.h"

#include <algorithm>
#include <utility>

#include "drivers/base/check.h"
#include "drivers/base/text.h"

namespace tandem::sip {
namespace {

// Requests are our own: their lines are read as a Builder writes them.
constexpr std::string_view kCSeqLine = "\r\nCSeq: ";
constexpr std::string_view kViaLine = "\r\nVia: ";
constexpr std::string_view kBranch = ";branch=";

// Behind the CSeq's line.
std::string insert_lines(std::string request, std::string_view lines) {
  const auto cseq = request.find(kCSeqLine);
  CHECK(cseq != std::string::npos);
  return request.insert(request.find("\r\n", cseq + 2) + 2, lines);
}

// Of a Via.
std::string_view branch_in(std::string_view text) {
  text.remove_prefix(text.find(kBranch) + kBranch.size());
  return text.substr(0, text.find(';'));
}

}  // namespace

ProvenRequests::Kept* ProvenRequests::find(ClientId id) {
  const auto found =
      std::find_if(kept_.begin(), kept_.end(), [id](const Kept& kept) { return kept.id == id; });
  return found == kept_.end() ? nullptr : &*found;
}

std::string ProvenRequests::with_lines(const std::string& request) {
  std::string_view rest = request;
  const std::string_view method = base::split_first(rest, ' ');
  const std::string_view uri = base::split_first(rest, ' ');
  std::string lines = credentials_->lines(method, uri);
  std::string out = insert_lines(request, lines);
  if (method == method_name(Method::kInvite)) invite_lines_ = std::move(lines);
  return out;
}

std::string ProvenRequests::prove(ClientId id, int fork, std::string request) {
  if (!active() || request.empty()) return request;
  kept_.push_back({id, fork, std::move(request)});
  return with_lines(kept_.back().request);
}

std::string ProvenRequests::prove_ack(std::string ack) const {
  if (invite_lines_.empty() || ack.empty()) return ack;
  return insert_lines(std::move(ack), invite_lines_);
}

std::optional<int> ProvenRequests::fork_of(ClientId id) const {
  const Kept* kept = const_cast<ProvenRequests*>(this)->find(id);
  return kept == nullptr ? std::nullopt : std::optional(kept->fork);
}

bool ProvenRequests::challenged(ClientId id, const Message& response) {
  Kept* const kept = find(id);
  return kept != nullptr &&
         credentials_->take(response, kept->exchange) == DigestClient::Verdict::kAgain;
}

void ProvenRequests::send_again(ClientTransactions& clients, ClientId id, std::uint32_t cseq) {
  Kept& kept = *find(id);
  clients.begin_again(id);
  const std::string via = clients.via(id);
  std::string& request = kept.request;
  const std::string_view former =
      branch_in(std::string_view(request).substr(request.find(kViaLine)));
  request.replace(static_cast<std::size_t>(former.data() - request.data()), former.size(),
                  branch_in(via));
  const auto number = request.find(kCSeqLine) + kCSeqLine.size();
  request.replace(number, request.find(' ', number) - number, std::to_string(cseq));
  clients.send(id, with_lines(request));
}

void ProvenRequests::forget(ClientId id) {
  std::erase_if(kept_, [id](const Kept& kept) { return kept.id == id; });
}

}  // namespace tandem::sip
