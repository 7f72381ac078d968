// UAC: the INVITEs that one call of ours goes out as where its peer may be in several places. They
// differ in Request-URI, Route, path and transaction only, as a forking proxy right behind us would
// send them (RFC 3261 §16.6). The first 2xx wins; else the best refusal of all is the answer
// (§16.7). A call to one place has one of them, and pays for no more. Owner: the session.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "controlplane/sip/leg.h"
#include "drivers/base/check.h"

namespace tandem::sip {

// Where an INVITE goes.
struct InviteTarget {
  Path path;
  std::string_view uri;      // Request-URI
  std::string_view route{};  // Route's value: proxies between us and the peer (RFC 3327)
};

struct Branch {
  ClientId client{};         // none: its transaction is over
  std::uint16_t status = 0;  // what it failed with; 0: it may still win
  bool heard = false;        // a provisional response came
  bool let_go = false;       // its CANCEL is out, or goes out when it is heard (§9.1)
  bool ended = false;        // it had its final response, or never gets one
  std::uint32_t cseq = 1;    // its INVITE's
  std::string invite{};  // as it was sent, while it may have to be sent again with other headers
};

class Branches {
 public:
  explicit Branches(Leg& leg) : leg_(leg) {}

  // Besides the first one, which is the leg's own. At most Leg::kBranchesMax in all; what is beyond
  // isn't called.
  void add(std::span<const InviteTarget> others);

  int count() const { return others_ ? 1 + static_cast<int>(others_->places.size()) : 1; }
  bool several() const { return others_ != nullptr; }
  Branch& at(int branch) {
    CHECK(branch >= 0 && branch < count());
    return branch == 0 ? first_ : place(branch).branch;
  }
  const Branch& at(int branch) const { return const_cast<Branches*>(this)->at(branch); }
  // Whose transaction this is; -1: nobody's.
  int find(ClientId client) const;
  // What its dialogs begin with.
  LegDialog first_dialog(int branch) const;

  // Somebody may still win (besides this one).
  bool hopeful(int besides = -1) const;
  // It has an early dialog.
  bool has_dialog(int branch) const;
  // A final response may still come.
  bool open() const;
  // A transaction lives, so that a 2xx may be repeated, or come late.
  bool live() const;

  // One of them was answered: none is sent again.
  void forget_invites();
  // Nobody waits for it any longer: it is cancelled with this Reason, now or when it is heard.
  void let_go(int branch, std::string_view reason);
  void let_go_all(std::string_view reason, int besides = -1);
  // A 6xx of one is the others' end (§16.7 step 5); who has said nothing isn't waited for.
  void decline(int branch);
  bool declined() const { return several() && best() >= 0 && best_status() >= 600; }
  // No response: nothing came, or (480) it hung up out of its early dialog.
  void fail(int branch, int status, const Message* response);

  // The best of those that failed, of several (§16.7 step 6).
  int best() const { return others_->best; }
  int best_status() const { return at(best()).status; }
  // As it came; empty: it is none that anybody sent. Parsing writes into it.
  std::string& best_response() { return others_->response; }

 private:
  struct Place {
    Branch branch;
    Path path;
    std::string uri;
    bool secure = false;  // as Dialog's
  };
  struct Others {
    std::vector<Place> places;
    int best = -1;
    int rank = 0;
    std::string response;
  };

  Place& place(int branch) { return others_->places[static_cast<std::size_t>(branch) - 1]; }

  Leg& leg_;
  Branch first_;
  std::unique_ptr<Others> others_;  // where there are some
};

}  // namespace tandem::sip
