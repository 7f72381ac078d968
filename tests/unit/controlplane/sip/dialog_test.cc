// What a dialog keeps of the message that made it, and how its requests are addressed by it (RFC
// 3261 §12): both ends' route sets, loose and strict routers, secure dialogs.
#include "controlplane/sip/dialog.h"

#include <gtest/gtest.h>

#include "tests/unit/controlplane/phone.h"
#include "tests/unit/controlplane/raw_party.h"
#include "tests/unit/controlplane/sip/sip_bytes.h"

namespace tandem::test {
namespace {

using sip::Dialog;
using sip::Parsed;
using sip::Path;
using sip::Protocol;
using Routes = std::vector<std::string>;

// The Route values of a request, first hop first.
Routes routes_of(std::string_view request) {
  const Parsed parsed(request);
  EXPECT_EQ(parsed.outcome.verdict, sip::ParseVerdict::kOk) << request;
  Routes out;
  sip::each_value(parsed.message, sip::HeaderId::kRoute,
                  [&](std::string_view value) { out.emplace_back(value); });
  return out;
}

std::string first_line(const std::string& message) { return message.substr(0, message.find('\r')); }

class Dialogs : public ::testing::Test {
 protected:
  // The peer that the dialog is with, or the first of those between.
  const Path path{at("10.77.2.2:5060"), at("10.77.1.2:5070")};

  // Of the INVITE that makes us its UAS; `lines`: its Record-Route headers.
  Dialog called(const std::string& lines, std::string_view contact = "<sip:alice@10.77.1.9:5080>",
                std::string_view uri = "sip:bob@10.77.2.2") {
    const Parsed invite("INVITE " + std::string(uri) +
                        " SIP/2.0\r\nVia: SIP/2.0/UDP 10.77.1.2;branch=z9hG4bK1\r\n" + lines +
                        "Max-Forwards: 70\r\nFrom: <sip:alice@x>;tag=a\r\nTo: <sip:bob@y>\r\n"
                        "Call-ID: c@x\r\nCSeq: 7 INVITE\r\nContact: " +
                        std::string(contact) + "\r\nContent-Length: 0\r\n\r\n");
    EXPECT_EQ(invite.outcome.verdict, sip::ParseVerdict::kOk);
    auto made = Dialog::from_invite(invite.message, "b", path);
    EXPECT_TRUE(made.has_value());
    return made.value_or(Dialog{});
  }
  // Of an INVITE of ours and the 2xx to it.
  Dialog calling(const std::string& lines) {
    const Parsed response(
        "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 10.77.2.2;branch=z9hG4bK1\r\n" + lines +
        "From: <sip:bob@y>;tag=b\r\nTo: <sip:alice@x>;tag=a\r\nCall-ID: c@x\r\nCSeq: 1 INVITE\r\n"
        "Contact: <sip:alice@10.77.1.9:5080>\r\nContent-Length: 0\r\n\r\n");
    EXPECT_EQ(response.outcome.verdict, sip::ParseVerdict::kOk);
    Dialog out;
    out.call_id = "c@x";
    out.local_tag = "b";
    out.local_party = "<sip:bob@y>;tag=b";
    out.remote_party = "<sip:alice@x>";
    out.remote_target = "sip:alice@10.77.1.2:5070";
    out.path = path;
    EXPECT_TRUE(out.confirm(response.message));
    return out;
  }
  static std::string bye(const Dialog& dialog) {
    return dialog.build({.cseq = 2, .via = "SIP/2.0/UDP 10.77.2.2;branch=z9hG4bK2"});
  }
};

TEST_F(Dialogs, TheCalledSideKeepsTheOrderOfTheRoute) {
  const Dialog dialog = called(
      "Record-Route: <sip:10.77.1.3:5062;lr>, <sip:p2.example;lr>;x=1\r\n"
      "Record-Route: <sip:10.77.1.5;lr>\r\n");
  const std::string request = bye(dialog);
  EXPECT_EQ(first_line(request), "BYE sip:alice@10.77.1.9:5080 SIP/2.0");
  EXPECT_EQ(routes_of(request),
            (Routes{"<sip:10.77.1.3:5062;lr>", "<sip:p2.example;lr>;x=1", "<sip:10.77.1.5;lr>"}));
  EXPECT_EQ(dialog.request_path().remote, at("10.77.1.3:5062"));
}

TEST_F(Dialogs, TheCallingSideTurnsTheRouteRound) {
  // Two values in a header and one in the next: all of them count as one list (§7.3.1).
  const Dialog dialog = calling(
      "Record-Route: <sip:10.77.1.3;lr>, <sip:p2.example;lr>;x=1\r\n"
      "Record-Route: <sip:10.77.1.5:5066;lr>\r\n");
  const std::string request = bye(dialog);
  EXPECT_EQ(first_line(request), "BYE sip:alice@10.77.1.9:5080 SIP/2.0");
  EXPECT_EQ(routes_of(request),
            (Routes{"<sip:10.77.1.5:5066;lr>", "<sip:p2.example;lr>;x=1", "<sip:10.77.1.3;lr>"}));
  EXPECT_EQ(dialog.request_path().remote, at("10.77.1.5:5066"));
  EXPECT_NE(request.find("\r\nTo: <sip:alice@x>;tag=a\r\n"), std::string::npos);
}

TEST_F(Dialogs, WithoutARouteTheTargetIsTheWay) {
  for (const Dialog& dialog : {called({}), calling({})}) {
    const std::string request = bye(dialog);
    EXPECT_EQ(first_line(request), "BYE sip:alice@10.77.1.9:5080 SIP/2.0");
    EXPECT_EQ(routes_of(request), Routes{});
    EXPECT_EQ(dialog.request_path().remote, at("10.77.1.9:5080"));
  }
}

// An early dialog's route is that of its 1xx; what the 2xx says replaces it (§13.2.2.4).
TEST_F(Dialogs, TheAnswersRouteReplacesTheEarlyOne) {
  Dialog dialog = calling("Record-Route: <sip:10.77.1.3;lr>\r\nRecord-Route: <sip:p2;lr>\r\n");
  const Parsed answer(
      "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 10.77.2.2;branch=z9hG4bK1\r\n"
      "Record-Route: <sip:10.77.1.7;lr>\r\nFrom: <sip:bob@y>;tag=b\r\nTo: <sip:alice@x>;tag=a\r\n"
      "Call-ID: c@x\r\nCSeq: 1 INVITE\r\nContact: <sip:alice@10.77.1.9>\r\n"
      "Content-Length: 0\r\n\r\n");
  ASSERT_TRUE(dialog.confirm(answer.message));
  EXPECT_EQ(routes_of(bye(dialog)), (Routes{"<sip:10.77.1.7;lr>"}));
}

// §12.2.1.1: a strict router (RFC 2543) sends to the Request-URI, and takes the next one from the
// Route: so that is itself now, and whom we want comes last.
TEST_F(Dialogs, AStrictRouterIsTheRequestUriAndTheTargetEndsTheRoute) {
  const Dialog dialog =
      called("Record-Route: <sip:strict@10.77.1.3:5062;maddr=10.77.1.3>, <sip:p2.example;lr>\r\n");
  const std::string request = bye(dialog);
  EXPECT_EQ(first_line(request), "BYE sip:strict@10.77.1.3:5062;maddr=10.77.1.3 SIP/2.0");
  EXPECT_EQ(routes_of(request), (Routes{"<sip:p2.example;lr>", "<sip:alice@10.77.1.9:5080>"}));
  EXPECT_EQ(dialog.request_path().remote, at("10.77.1.3:5062"));
}

TEST_F(Dialogs, TheCallingSidesStrictRouterIsTheLastOfTheAnswers) {
  const Dialog dialog =
      calling("Record-Route: <sip:p1.example;lr>, \"S\" <sip:10.77.1.5:5066>\r\n");
  const std::string request = bye(dialog);
  EXPECT_EQ(first_line(request), "BYE sip:10.77.1.5:5066 SIP/2.0");
  EXPECT_EQ(routes_of(request), (Routes{"<sip:p1.example;lr>", "<sip:alice@10.77.1.9:5080>"}));
  EXPECT_EQ(dialog.request_path().remote, at("10.77.1.5:5066"));
}

TEST_F(Dialogs, AStrictRouterThatIsNotTheFirstIsTheOthersMatter) {
  const Dialog dialog = called("Record-Route: <sip:10.77.1.3;lr>, <sip:10.77.1.5>\r\n");
  EXPECT_EQ(first_line(bye(dialog)), "BYE sip:alice@10.77.1.9:5080 SIP/2.0");
  EXPECT_EQ(routes_of(bye(dialog)), (Routes{"<sip:10.77.1.3;lr>", "<sip:10.77.1.5>"}));
  // Nor is a user's name or a header's parameter that looks like it one of the URI's.
  EXPECT_EQ(first_line(bye(called("Record-Route: <sip:lr@10.77.1.3>;lr\r\n"))),
            "BYE sip:lr@10.77.1.3 SIP/2.0");
}

// Where the routers have names that only somebody else could resolve, what is known must do.
TEST_F(Dialogs, ARouteByNameLeavesTheWayAsItIs) {
  EXPECT_EQ(called("Record-Route: <sip:p1.example;lr>\r\n").request_path().remote, path.remote);
  EXPECT_EQ(calling("Record-Route: <sip:p1.example>\r\n").request_path().remote, path.remote);
}

TEST_F(Dialogs, TheRouteSaysByWhatToReachIt) {
  Dialog dialog = called("Record-Route: <sip:10.77.1.3;transport=tcp;lr>\r\n");
  EXPECT_EQ(dialog.request_path().protocol, Protocol::kTcp);
  EXPECT_EQ(dialog.request_path().remote, at("10.77.1.3:5060"));
  dialog = called("Record-Route: <sips:10.77.1.3;lr>\r\n");
  EXPECT_EQ(dialog.request_path().protocol, Protocol::kTls);
  EXPECT_EQ(dialog.request_path().remote, at("10.77.1.3:5061"));
}

// The whole of it between two parties: every request of a call goes by its route.
class RoutedCall : public ::testing::Test {
 protected:
  VirtualNet net;
  Phone alice{net, "10.77.1.2:5060"};
  RawParty proxy{net, "10.77.2.2:5060"};
  RawParty second{net, "10.77.2.3:5060"};
};

TEST_F(RoutedCall, AckAndByeGoToTheFirstOfTheRoute) {
  alice.dial("10.77.2.2:5060", "100");
  net.settle();
  proxy.respond(proxy.invite, "200 OK", "t1", kAnswer,
                "Record-Route: <sip:10.77.2.2;lr>, <sip:10.77.2.3;lr>\r\n");
  net.settle();
  alice.leg()->finish(0);
  net.settle();
  for (const auto* method : {"ACK", "BYE"}) {
    EXPECT_EQ(proxy.count(method), 0);
    ASSERT_EQ(second.count(method), 1) << method;
    EXPECT_EQ(routes_of(second.last(method)), (Routes{"<sip:10.77.2.3;lr>", "<sip:10.77.2.2;lr>"}));
    EXPECT_EQ(first_line(second.last(method)),
              std::string(method) + " sip:10.77.2.2:5060 SIP/2.0");  // the Contact
  }
  net.run(base::Seconds{70});
}

TEST_F(RoutedCall, AckAndByeToAStrictRouter) {
  alice.dial("10.77.2.2:5060", "100");
  net.settle();
  proxy.respond(proxy.invite, "200 OK", "t1", kAnswer,
                "Record-Route: <sip:10.77.2.2;lr>, <sip:10.77.2.3>\r\n");
  net.settle();
  alice.leg()->finish(0);
  net.settle();
  for (const auto* method : {"ACK", "BYE"}) {
    ASSERT_EQ(second.count(method), 1) << method;
    EXPECT_EQ(first_line(second.last(method)), std::string(method) + " sip:10.77.2.3 SIP/2.0");
    EXPECT_EQ(routes_of(second.last(method)),
              (Routes{"<sip:10.77.2.2;lr>", "<sip:10.77.2.2:5060>"}));
  }
  net.run(base::Seconds{70});
}

// §12.1.1: our Contact is to be a sips URI if the INVITE asked for sips anywhere that counts.
TEST_F(Dialogs, WhoAsksForSipsGetsASecureDialog) {
  const auto secure = [&](std::string_view uri, std::string_view contact,
                          const std::string& lines = {}) {
    return called(lines, contact, uri).secure;
  };
  EXPECT_FALSE(secure("sip:bob@10.77.2.2", "<sip:alice@10.77.1.9>"));
  EXPECT_TRUE(secure("sips:bob@10.77.2.2", "<sip:alice@10.77.1.9>"));
  EXPECT_TRUE(secure("SIPS:bob@10.77.2.2", "<sips:alice@10.77.1.9>"));
  EXPECT_TRUE(secure("sip:bob@10.77.2.2", "<sips:alice@10.77.1.9>"));
  EXPECT_FALSE(secure("sip:bob@10.77.2.2", "<sips:alice@10.77.1.9>",
                      "Record-Route: <sip:10.77.1.3;lr>, <sips:10.77.1.5;lr>\r\n"));
  EXPECT_TRUE(secure("sip:bob@10.77.2.2", "<sip:alice@10.77.1.9>",
                     "Record-Route: <sips:10.77.1.3;lr>, <sip:10.77.1.5;lr>\r\n"));
}

// Nothing is delivered here, and no time passes: what is sent is read off the log.
class SecureCall : public ::testing::Test {
 protected:
  static Path by(Protocol protocol, const char* local, const char* remote) {
    Path out{at(local), at(remote)};
    out.protocol = protocol;
    return out;
  }
  // The Contact of bob's answer to an INVITE for this URI that came by this protocol.
  std::string contact_for(const std::string& uri, Protocol protocol) {
    Phone bob{net, "10.77.2.2:5061"};
    bob.on_call = [](sip::InviteSession& call) { call.accept("application/sdp", kAnswer); };
    std::string invite = "INVITE " + uri +
                         " SIP/2.0\r\nVia: SIP/2.0/TLS 10.77.1.2:5061;branch=z9hG4bK1\r\n"
                         "Max-Forwards: 70\r\nFrom: <sip:alice@x>;tag=a\r\nTo: <sip:bob@y>\r\n"
                         "Call-ID: c@x\r\nCSeq: 7 INVITE\r\nContact: <sip:alice@10.77.1.2>\r\n"
                         "Content-Length: 0\r\n\r\n";
    bob.agent().on_datagram(by(protocol, "10.77.2.2:5061", "10.77.1.2:5061"),
                            {invite.data(), invite.size()});
    return field(net.last("SIP/2.0 200"), "Contact");
  }
  // The Contact of an INVITE of ours over TLS.
  std::string contact_towards(const std::string& uri, std::string_view route = {}) {
    Phone alice{net, "10.77.1.2:5061"};
    auto [id, leg] =
        alice.agent().make_session(by(Protocol::kTls, "10.77.1.2:5061", "10.77.2.2:5061"));
    alice.session = id;
    leg->listen(&alice, 0);
    EXPECT_TRUE(leg->start(
        {.request_uri = uri, .from = "<sip:alice@x>", .to = "<" + uri + ">", .route = route}));
    return field(net.last("INVITE"), "Contact");
  }
  VirtualNet net;
};

TEST_F(SecureCall, OurContactIsSipsIfTheCallerAskedForSips) {
  EXPECT_EQ(contact_for("sips:bob@10.77.2.2", Protocol::kTls), "<sips:10.77.2.2:5061>");
  EXPECT_EQ(contact_for("sip:bob@10.77.2.2", Protocol::kTls), "<sip:10.77.2.2:5061;transport=tls>");
  // Without TLS we can't keep what sips would promise.
  EXPECT_EQ(contact_for("sips:bob@10.77.2.2", Protocol::kUdp), "<sip:10.77.2.2:5061>");
}

// §8.1.1.8.
TEST_F(SecureCall, OurContactIsSipsIfWeAskForSips) {
  EXPECT_EQ(contact_towards("sips:bob@10.77.2.2"), "<sips:10.77.1.2:5061>");
  EXPECT_EQ(contact_towards("sip:bob@10.77.2.2"), "<sip:10.77.1.2:5061;transport=tls>");
  EXPECT_EQ(contact_towards("sip:bob@10.77.2.2", "<sips:10.77.2.2;lr>, <sip:10.77.2.3;lr>"),
            "<sips:10.77.1.2:5061>");
  EXPECT_EQ(contact_towards("sip:bob@10.77.2.2", "<sip:10.77.2.2;lr>, <sips:10.77.2.3;lr>"),
            "<sip:10.77.1.2:5061;transport=tls>");
}

}  // namespace
}  // namespace tandem::test
