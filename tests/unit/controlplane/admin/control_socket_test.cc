// The operator's door over a real Unix socket: the loop has a thread, the test plays operators.
#include "controlplane/admin/control_socket.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <mutex>
#include <optional>
#include <thread>

#include "tests/unit/drivers/base/temp_folder.h"

namespace tandem::admin {
namespace {

// One operator's end; never waits.
class Operator {
 public:
  explicit Operator(const std::string& path)
      : fd_(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    connected_ = connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  }
  Operator(const Operator&) = delete;
  Operator& operator=(const Operator&) = delete;
  ~Operator() { hang_up(); }

  bool connected() const { return connected_; }
  void hang_up() {
    if (fd_ >= 0) close(std::exchange(fd_, -1));
  }
  void shut() { shutdown(fd_, SHUT_WR); }
  // Returns how much of it was taken.
  std::size_t say(std::string_view text) {
    const auto sent = send(fd_, text.data(), text.size(), MSG_NOSIGNAL);
    return sent < 0 ? 0 : static_cast<std::size_t>(sent);
  }
  // What came so far; `ended` when the other side has let go.
  std::string heard;
  bool ended = false;
  void listen() {
    char buffer[65536];
    for (;;) {
      const auto got = recv(fd_, buffer, sizeof buffer, 0);
      if (got > 0) {
        heard.append(buffer, static_cast<std::size_t>(got));
        continue;
      }
      ended = got == 0 || (errno != EAGAIN && errno != EWOULDBLOCK);
      return;
    }
  }

 private:
  int fd_;
  bool connected_ = false;
};

class ControlSocketTest : public ::testing::Test {
 protected:
  ControlSocketTest() {
    EXPECT_TRUE(loop.open().ok());
    door.emplace(loop, [this](const std::string& command, const Json& args, Answer answer) {
      handle(command, args, std::move(answer));
    });
  }
  ~ControlSocketTest() override { end(); }
  void end() {
    if (!thread.joinable()) return;
    loop.post([this] { loop.stop(); });
    thread.join();
  }
  // On the loop's thread.
  void handle(const std::string& command, const Json& args, Answer answer) {
    seen.fetch_add(1);
    if (command == "echo")
      answer(Json{{"args", args}});
    else if (command == "later")
      keep(std::move(answer));
    else if (command == "much")
      answer(Json{{"text", std::string(args["bytes"], 'x')}});
    else if (command == "bytes")
      answer(Json{{"text", "\xff\xfe"}});
    else
      answer(base::error("no such command: " + command));
  }
  void keep(Answer answer) {
    const std::lock_guard lock(mutex);
    later.push_back(std::move(answer));
  }
  std::size_t waiting() {
    const std::lock_guard lock(mutex);
    return later.size();
  }
  void answer_the_late() {
    loop.post([this] {
      const std::lock_guard lock(mutex);
      for (auto& answer : later) answer(Json{{"late", true}});
      later.clear();
    });
  }
  void open() {
    ASSERT_TRUE(door->open(path).ok());
    thread = std::thread([this] { loop.run(); });
  }
  // Waits until `done`, for at most some seconds.
  static void await(const std::function<bool()>& done) {
    const auto deadline = base::monotonic_now() + base::Seconds{60};
    while (!done()) {
      ASSERT_LT(base::monotonic_now(), deadline) << "nothing came";
      std::this_thread::yield();
    }
  }
  // Sends this and returns the reply line as JSON.
  Json ask(Operator& who, const std::string& line) {
    who.heard.clear();
    EXPECT_EQ(who.say(line + "\n"), line.size() + 1);
    await([&] {
      who.listen();
      return who.ended || who.heard.ends_with('\n');
    });
    return Json::parse(who.heard, nullptr, false);
  }
  static std::string error_of(const Json& reply) {
    EXPECT_EQ(reply.value("ok", true), false) << reply;
    return reply.value("error", "");
  }

  test::TempFolder folder;
  const std::string path = folder.path("run/control.sock");
  loop::EventLoop loop;
  std::atomic<std::size_t> seen{0};
  std::mutex mutex;
  std::vector<Answer> later;
  std::thread thread;
  std::optional<ControlSocket> door;
};

TEST_F(ControlSocketTest, AnswersWithTheIdOfTheRequest) {
  open();
  Operator who(path);
  ASSERT_TRUE(who.connected());
  EXPECT_EQ(ask(who, R"({"v":1,"id":"x7","command":"echo","args":{"a":[1,2]}})"),
            Json::parse(R"({"v":1,"id":"x7","ok":true,"result":{"args":{"a":[1,2]}}})"));
  const auto plain = ask(who, R"({"command":"echo"})");  // id and args are optional
  EXPECT_TRUE(plain["id"].is_null());
  EXPECT_EQ(plain["result"]["args"], Json::object());
  EXPECT_EQ(error_of(ask(who, R"({"id":5,"command":"x"})")), "no such command: x");
}

TEST_F(ControlSocketTest, RefusesWhatIsNoRequestAndStaysOpen) {
  open();
  Operator who(path);
  const std::string object = "the request is not a JSON object";
  for (const auto* line : {"", "hello", "[]", "5", "null", "{\"v\":1", "{}{}", "\xff\xfe"}) {
    EXPECT_EQ(error_of(ask(who, line)), object) << line;
  }
  EXPECT_EQ(error_of(ask(who, R"({"v":2,"command":"echo"})")), "only version 1 is spoken here");
  EXPECT_EQ(error_of(ask(who, R"({"v":"1","command":"echo"})")), "only version 1 is spoken here");
  EXPECT_EQ(error_of(ask(who, R"({"v":1})")), "\"command\" must be a text");
  EXPECT_EQ(error_of(ask(who, R"({"command":5})")), "\"command\" must be a text");
  EXPECT_EQ(error_of(ask(who, R"({"command":"echo","args":[]})")), "\"args\" must be an object");
  EXPECT_EQ(seen.load(), 0u);
  EXPECT_EQ(ask(who, R"({"command":"echo"})")["ok"], true);
}

TEST_F(ControlSocketTest, DeepNestingIsNoWayToCrashIt) {
  open();
  Operator who(path);
  const std::string deep(30'000, '[');
  const std::string shut(30'000, ']');
  EXPECT_NE(error_of(ask(who, "{\"command\":\"echo\",\"id\":" + deep + shut + "}")), "");
  EXPECT_NE(error_of(ask(who, "{\"command\":\"echo\",\"args\":{\"a\":" + deep + shut + "}}")), "");
  // Brackets in texts are no nesting, and don't hide any.
  std::string hidden;
  for (int i = 0; i < 5'000; ++i) hidden += "[\"]\\\"]\",";
  EXPECT_NE(error_of(ask(who, "{\"command\":\"echo\",\"id\":" + hidden + "1}")), "");
  const std::string text(1'000, '[');
  EXPECT_EQ(ask(who, "{\"command\":\"echo\",\"id\":\"\\\"" + text + "\"}")["ok"], true);
  EXPECT_EQ(ask(who, R"({"command":"echo","id":[{"a":[]}]})")["ok"], true);
}

TEST_F(ControlSocketTest, RequestsInOneWriteAndInPieces) {
  open();
  Operator who(path);
  who.say("{\"command\":\"echo\",\"id\":1}\n{\"command\":\"echo\",\"id\":2}\n{\"command\":\"ec");
  await([&] {
    who.listen();
    return std::count(who.heard.begin(), who.heard.end(), '\n') == 2;
  });
  EXPECT_EQ(seen.load(), 2u);
}

TEST_F(ControlSocketTest, ALateAnswerFindsItsWay) {
  open();
  Operator who(path);
  Operator other(path);
  who.say("{\"command\":\"later\",\"id\":1}\n{\"command\":\"echo\",\"id\":2}\n");
  other.say("{\"command\":\"later\",\"id\":3}\n");
  await([&] { return waiting() == 2; });
  answer_the_late();
  await([&] {
    who.listen();
    other.listen();
    return std::count(who.heard.begin(), who.heard.end(), '\n') == 2 && other.heard.ends_with('\n');
  });
  EXPECT_LT(who.heard.find("\"id\":2"), who.heard.find("\"id\":1"));  // as they were completed
  EXPECT_NE(other.heard.find("\"id\":3"), std::string::npos);
}

TEST_F(ControlSocketTest, AnAnswerForSomebodyWhoLeftIsHarmless) {
  open();
  Operator who(path);
  Operator other(path);
  who.say("{\"command\":\"later\"}\n");
  await([&] { return waiting() == 1; });
  who.hang_up();
  EXPECT_EQ(ask(other, R"({"command":"echo"})")["ok"], true);
  answer_the_late();
  EXPECT_EQ(ask(other, R"({"command":"echo"})")["ok"], true);
}

// As `nc -N` does: asks, shuts its sending half, waits for the answer.
TEST_F(ControlSocketTest, AHalfClosedClientGetsItsAnswersAndThenTheEnd) {
  open();
  Operator who(path);
  who.say("{\"command\":\"later\",\"id\":1}\n{\"command\":\"echo\",\"id\":2}\n");
  who.shut();
  await([&] { return waiting() == 1; });
  answer_the_late();
  await([&] {
    who.listen();
    return who.ended;
  });
  EXPECT_NE(who.heard.find("\"id\":1"), std::string::npos);
  EXPECT_NE(who.heard.find("\"id\":2"), std::string::npos);
  Operator silent(path);
  silent.shut();
  await([&] {
    silent.listen();
    return silent.ended;
  });
}

TEST_F(ControlSocketTest, AnEndlessLineIsLetGoOf) {
  open();
  Operator who(path);
  const std::string chunk(8192, 'x');
  await([&] {
    who.say(chunk);
    who.listen();
    return who.ended;
  });
  EXPECT_TRUE(who.heard.empty());
}

TEST_F(ControlSocketTest, ALargeReplyComesWhole) {
  open();
  Operator who(path);
  const auto reply = ask(who, R"({"command":"much","args":{"bytes":3000000}})");
  EXPECT_EQ(reply["result"]["text"].get<std::string>().size(), 3'000'000u);
}

TEST_F(ControlSocketTest, WhoNeverReadsIsLetGoOf) {
  open();
  Operator lazy(path);
  Operator who(path);
  const std::string line = "{\"command\":\"much\",\"args\":{\"bytes\":30000000}}\n";
  std::string lines;
  for (int i = 0; i < 4; ++i) lines += line;
  lazy.say(lines);
  await([&] { return seen.load() >= 3; });
  who.say("{\"command\":\"echo\"}\n");
  await([&] {
    who.listen();
    return who.heard.ends_with('\n');
  });
  // What had been sent is still there, then the end. It was let go of before all was asked.
  await([&] {
    lazy.listen();
    return lazy.ended;
  });
  EXPECT_LT(lazy.heard.size(), 30'000'000u);
}

TEST_F(ControlSocketTest, ClientsAreBounded) {
  open();
  std::vector<std::unique_ptr<Operator>> many;
  for (std::size_t i = 0; i < ControlSocket::kClientsMax; ++i) {
    // A word with each, so that it is let in before the next one comes.
    many.push_back(std::make_unique<Operator>(path));
    ASSERT_EQ(ask(*many.back(), R"({"command":"echo"})")["ok"], true) << i;
  }
  Operator late(path);
  await([&] {
    late.listen();
    return late.ended;
  });
  EXPECT_EQ(ask(*many[0], R"({"command":"echo"})")["ok"], true);  // the old are kept
  many.pop_back();
  // Its place is free again.
  await([&] {
    Operator next(path);
    next.say("{\"command\":\"echo\"}\n");
    await([&] {
      next.listen();
      return next.ended || !next.heard.empty();
    });
    return !next.heard.empty();
  });
}

TEST_F(ControlSocketTest, BytesThatAreNoTextStillMakeAReply) {
  open();
  Operator who(path);
  EXPECT_EQ(ask(who, R"({"command":"bytes"})")["ok"], true);
}

TEST_F(ControlSocketTest, IsForOwnerAndGroupAndGoneAtTheEnd) {
  open();
  struct stat found {};
  ASSERT_EQ(stat(path.c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777, 0660u);
  end();
  door.reset();
  EXPECT_NE(stat(path.c_str(), &found), 0);
}

TEST_F(ControlSocketTest, TakesOverADeadOnesPathButNotALivingOnes) {
  {
    const int dead = socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    std::filesystem::create_directories(std::filesystem::path(path).parent_path());
    ASSERT_EQ(bind(dead, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    close(dead);
  }
  open();
  ControlSocket second(loop, [](const std::string&, const Json&, const Answer&) {});
  const auto refused = second.open(path);
  ASSERT_FALSE(refused.ok());
  EXPECT_NE(refused.error_text().find("another control plane listens there"), std::string::npos);
}

TEST_F(ControlSocketTest, AFileThatIsNoSocketIsNotRemoved) {
  const auto file = folder.write("precious", "data");
  EXPECT_FALSE(door->open(file).ok());
  EXPECT_EQ(folder.read("precious"), "data");
}

TEST_F(ControlSocketTest, APathTooLongIsSaid) {
  const auto refused = door->open("/" + std::string(200, 'x'));
  ASSERT_FALSE(refused.ok());
  EXPECT_NE(refused.error_text().find("too long"), std::string::npos);
  EXPECT_FALSE(door->open("").ok());
}

}  // namespace
}  // namespace tandem::admin
