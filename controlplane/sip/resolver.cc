#include "controlplane/sip/resolver.h"

#include <ares.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/epoll.h>

#include <algorithm>
#include <cstring>
#include <tuple>
#include <utility>

#include "controlplane/sip/service_names.h"
#include "drivers/base/log.h"

namespace tandem::sip {
namespace {

constexpr int kClassIn = 1;
constexpr int kTypeSrv = 33;
constexpr int kTypeNaptr = 35;
constexpr int kTimeoutMs = 2000;
constexpr int kTries = 2;

// The answer is that there is nothing; anything else is no answer.
bool is_absent(int status) { return status == ARES_ENOTFOUND || status == ARES_ENODATA; }

base::Endpoint endpoint_of(const in_addr& address, std::uint16_t port) {
  base::Endpoint out;
  out.address = base::IpAddress::ip4_raw(address.s_addr);
  out.port = port;
  return out;
}

std::string texts_of(const std::vector<Resolver::Place>& places) {
  std::string out;
  for (const auto& place : places) out += (out.empty() ? "" : " ") + place.endpoint.text();
  return out;
}

std::string text_of(const unsigned char* bytes) {
  return bytes == nullptr ? std::string() : reinterpret_cast<const char*>(bytes);
}

}  // namespace

// One name's way from question to answer, again and again.
class Resolver::Search {
 public:
  Search(ares_channeldata* channel, Question question, Answer answer)
      : channel_(channel), question_(std::move(question)), answer_(std::move(answer)) {}

  bool due(base::Nanos now) const { return !busy_ && !dropped_ && now >= due_; }
  // Nobody wants to know any longer; c-ares may still have something to say.
  void drop() { dropped_ = true; }
  bool over() const { return dropped_ && !busy_; }

  void start(base::Nanos now) {
    busy_ = true;
    started_ = now;
    fresh_ = kFreshMax;
    found_.clear();
    waiting_.clear();
    if (in_hosts_file()) return;
    if (question_.addresses_only || question_.port != 0) {
      ask_addresses({{question_.host, question_.port, 0, 0}});
      return;
    }
    ares_query(channel_, question_.host.c_str(), kClassIn, kTypeNaptr, on_naptr, this);
  }

 private:
  struct Host {
    std::string name;
    std::uint16_t port;
    std::uint16_t priority;
    std::uint16_t weight;
  };

  static Search& self(void* word) { return *static_cast<Search*>(word); }

  std::uint16_t plain_port() const {
    const bool stated = question_.port != 0 || question_.addresses_only;
    return stated ? question_.port : default_port(question_.protocol);
  }

  bool in_hosts_file() {
    hostent* entry = nullptr;
    if (ares_gethostbyname_file(channel_, question_.host.c_str(), AF_INET, &entry) !=
        ARES_SUCCESS) {
      return false;
    }
    for (char** raw = entry->h_addr_list; *raw != nullptr; ++raw) {
      in_addr address;
      std::memcpy(&address, *raw, sizeof address);
      found_.push_back({endpoint_of(address, plain_port()), 0, 0});
    }
    ares_free_hostent(entry);
    if (found_.empty()) return false;
    finish();
    return true;
  }

  static void on_naptr(void* word, int status, int, unsigned char* bytes, int length) {
    if (status == ARES_EDESTRUCTION) return;
    Search& search = self(word);
    std::vector<NaptrRecord> records;
    ares_naptr_reply* reply = nullptr;
    if (status == ARES_SUCCESS) status = ares_parse_naptr_reply(bytes, length, &reply);
    for (const auto* r = reply; r != nullptr; r = r->next) {
      records.push_back({r->order, r->preference, text_of(r->flags), text_of(r->service),
                         r->replacement == nullptr ? "" : r->replacement});
    }
    ares_free_data(reply);
    std::string name = srv_name(records, search.question_.protocol);
    if (name.empty()) name = srv_name(search.question_.host, search.question_.protocol);
    ares_query(search.channel_, name.c_str(), kClassIn, kTypeSrv, on_srv, &search);
  }

  static void on_srv(void* word, int status, int, unsigned char* bytes, int length) {
    if (status == ARES_EDESTRUCTION) return;
    Search& search = self(word);
    ares_srv_reply* reply = nullptr;
    if (status == ARES_SUCCESS) status = ares_parse_srv_reply(bytes, length, &reply);
    // No answer at all is not "there are none": what was found before is the better guess.
    if (status != ARES_SUCCESS && !is_absent(status) && !search.last_.empty()) {
      search.fail(ares_strerror(status));
      return;
    }
    std::vector<Host> hosts;
    bool refused = false;
    for (const auto* r = reply; r != nullptr && hosts.size() < kHostsMax; r = r->next) {
      const std::string_view target = r->host;
      if (target.empty() || target == ".")
        refused = true;  // RFC 2782: decidedly not available here
      else
        hosts.push_back({r->host, r->port, r->priority, r->weight});
    }
    ares_free_data(reply);
    if (hosts.empty() && refused) {
      search.fail("its SRV record says that the service is not available");
      return;
    }
    if (hosts.empty()) hosts.push_back({search.question_.host, search.plain_port(), 0, 0});
    search.ask_addresses(std::move(hosts));
  }

  void ask_addresses(std::vector<Host> hosts) {
    waiting_ = std::move(hosts);
    ask_next();
  }

  void ask_next() {
    if (waiting_.empty()) {
      finish();
      return;
    }
    ares_addrinfo_hints hints{};
    hints.ai_family = AF_INET;
    ares_getaddrinfo(channel_, waiting_.back().name.c_str(), nullptr, &hints, on_addresses, this);
  }

  static void on_addresses(void* word, int status, int, ares_addrinfo* result) {
    if (status == ARES_EDESTRUCTION) return;
    Search& search = self(word);
    const Host host = std::move(search.waiting_.back());
    search.waiting_.pop_back();
    if (status != ARES_SUCCESS) search.trouble_ = ares_strerror(status);
    const auto* node = result == nullptr ? nullptr : result->nodes;
    for (; node != nullptr && search.found_.size() < kAddressesMax; node = node->ai_next) {
      if (node->ai_family != AF_INET) continue;
      sockaddr_in address;
      std::memcpy(&address, node->ai_addr, sizeof address);
      search.found_.push_back(
          {endpoint_of(address.sin_addr, host.port), host.priority, host.weight});
      search.fresh_ = std::min<base::Nanos>(search.fresh_, base::Seconds{node->ai_ttl});
    }
    ares_freeaddrinfo(result);
    search.ask_next();
  }

  void finish() {
    if (found_.empty()) {
      fail(trouble_.empty() ? "it has no IPv4 address" : trouble_.c_str());
      return;
    }
    busy_ = false;
    trouble_.clear();
    due_ = started_ + std::clamp(fresh_, kFreshMin, kFreshMax);
    std::sort(found_.begin(), found_.end(), [](const Place& a, const Place& b) {
      return std::tuple(a.priority, a.endpoint.text()) < std::tuple(b.priority, b.endpoint.text());
    });
    if (found_ == last_) return;
    last_ = found_;
    if (dropped_) return;
    answer_(last_);
    // Only once it is so: who reads this line may call the new place at once.
    LOG(kInfo, "dns", "{} is {}", question_.host, texts_of(last_));
  }

  void fail(const char* why) {
    busy_ = false;
    due_ = started_ + kRetry;
    LOG(kWarning, "dns", "{}: {}{}", question_.host, why,
        last_.empty() ? "" : "; its last addresses stay in use");
    trouble_.clear();
  }

  ares_channeldata* channel_;
  Question question_;
  Answer answer_;
  bool busy_ = false;
  bool dropped_ = false;
  base::Nanos started_{};
  base::Nanos due_{};
  base::Nanos fresh_{};  // the shortest time to live so far
  std::string trouble_;
  std::vector<Host> waiting_;
  std::vector<Place> found_;
  std::vector<Place> last_;  // what answer_ was told
};

Resolver::Resolver(loop::EventLoop& loop) : loop_(loop) {}

Resolver::~Resolver() {
  if (channel_ != nullptr) {
    ares_destroy(channel_);
    ares_library_cleanup();
  }
}

base::Result<void> Resolver::open(const std::vector<base::Endpoint>& servers) {
  if (const int status = ares_library_init(ARES_LIB_INIT_ALL); status != ARES_SUCCESS) {
    return base::error(std::string("c-ares: ") + ares_strerror(status));
  }
  ares_options options{};
  char lookups[] = "fb";  // /etc/hosts, then DNS
  options.timeout = kTimeoutMs;
  options.tries = kTries;
  options.lookups = lookups;
  options.sock_state_cb = on_socket;
  options.sock_state_cb_data = this;
  // Names are whole: no search domains (ndomains is 0).
  const int mask = ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_LOOKUPS | ARES_OPT_SOCK_STATE_CB |
                   ARES_OPT_DOMAINS;
  int status = ares_init_options(&channel_, &options, mask);
  if (status == ARES_SUCCESS && !servers.empty()) {
    std::string list;
    for (const auto& server : servers) list += (list.empty() ? "" : ",") + server.text();
    status = ares_set_servers_ports_csv(channel_, list.c_str());
  }
  if (status == ARES_SUCCESS) return {};
  if (channel_ == nullptr) ares_library_cleanup();
  return base::error(std::string("c-ares: ") + ares_strerror(status));
}

void Resolver::on_socket(void* word, int fd, int readable, int writable) {
  auto& self = *static_cast<Resolver*>(word);
  const auto known = std::find(self.watched_.begin(), self.watched_.end(), fd);
  if (readable == 0 && writable == 0) {
    if (known == self.watched_.end()) return;
    self.loop_.forget(fd);
    self.watched_.erase(known);
    return;
  }
  const std::uint32_t events = (readable != 0 ? EPOLLIN : 0u) | (writable != 0 ? EPOLLOUT : 0u);
  if (known != self.watched_.end()) {
    self.loop_.change(fd, events);
    return;
  }
  self.watched_.push_back(fd);
  self.loop_.watch(fd, events, [channel = self.channel_, fd](std::uint32_t ready) {
    const bool failed = (ready & (EPOLLERR | EPOLLHUP)) != 0;
    ares_process_fd(channel, failed || (ready & EPOLLIN) != 0 ? fd : ARES_SOCKET_BAD,
                    (ready & EPOLLOUT) != 0 ? fd : ARES_SOCKET_BAD);
  });
}

std::uint64_t Resolver::follow(Question question, Answer answer) {
  const std::uint64_t number = ++followed_;
  searches_.emplace(number,
                    std::make_unique<Search>(channel_, std::move(question), std::move(answer)));
  return number;
}

void Resolver::forget(std::uint64_t number) {
  if (const auto found = searches_.find(number); found != searches_.end()) found->second->drop();
}

void Resolver::tend(base::Nanos now) {
  ares_process_fd(channel_, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
  for (auto& [number, search] : searches_) {
    if (search->due(now)) search->start(now);
  }
  std::erase_if(searches_, [](const auto& each) { return each.second->over(); });
}

}  // namespace tandem::sip
