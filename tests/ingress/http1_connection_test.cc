// Connections of HTTP/1 with the real handler behind them: their order, their ends, their patience.
#include "router/http1/http1_connection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "tests/ingress/http_fixture.h"

namespace router::test {
namespace {

using testing::HasSubstr;

std::string Trace(char c) { return std::string(16, c); }
constexpr const char* kHead =
    "POST /v1/traces HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-protobuf\r\n";

class Http1ConnectionTest : public HttpIngressTest {
 protected:
  static std::vector<int> StatusesOf(const Http1Client& client) {
    std::vector<int> statuses;
    for (const Http1Answer& answer : client.answers()) statuses.push_back(answer.status);
    return statuses;
  }
  // Lets the client send until nothing moves any more: how many bytes the server has read.
  std::size_t ReadByServer(Http1Client& client) {
    for (int i = 0; i < 500; ++i) {
      client.PumpSending();
      loop_.Turn(false);
    }
    return MostBytesReadAt(http_port_);
  }
};

// Scenario: a hundred requests in one write, good, bad and unknown in turn, each good one answered
// by a backend later.
// Guarantees: HS-19: every one is answered, in order, on the same connection.
TEST_F(Http1ConnectionTest, PipelinedRequestsAreAnsweredInOrder) {
  SetUpHttp(1);
  std::string all;
  std::vector<int> expected;
  const std::string good = RequestOf({Trace('a')});
  for (int i = 0; i < 100; ++i) {
    all += i % 3 == 0   ? PostTraces(good)
           : i % 3 == 1 ? PostTraces("\xff")
                        : PostTraces("body", "", "/elsewhere");
    expected.push_back(i % 3 == 0 ? 200 : i % 3 == 1 ? 400 : 404);
  }
  Http1Client& client = NewHttpClient();
  client.Send(all);
  ASSERT_TRUE(PumpHttpUntil([&] { return client.answers().size() == 100; }));
  EXPECT_EQ(StatusesOf(client), expected);
  EXPECT_TRUE(client.is_open());
  EXPECT_EQ(ledger_.spans.forwarded.Value(), 34u);
}

// Scenario: requests one after the other on one connection, byte by byte.
// Guarantees: HS-19: the connection stays.
TEST_F(Http1ConnectionTest, KeepAliveByteByByte) {
  SetUpHttp(1);
  Http1Client& client = NewHttpClient();
  for (std::size_t i = 1; i <= 3; ++i) {
    for (const char c : PostTraces(RequestOf({Trace('a')}))) {
      client.Send({&c, 1});
      PumpHttpTurns(1);
    }
    ASSERT_TRUE(PumpHttpUntil([&] { return client.answers().size() == i; }));
  }
  EXPECT_TRUE(client.is_open());
  EXPECT_EQ(server_->connection_count(), 1u);
}

// Scenario: Connection: close; HTTP/1.0 without and with keep-alive; keep-alive switched off.
// Guarantees: HS-19: the connection ends after the answer when it should, without a reset.
TEST_F(Http1ConnectionTest, ConnectionsEndWhenAsked) {
  SetUpHttp();
  const auto ends = [&](const std::string& bytes) {
    Http1Client& client = NewHttpClient();
    client.Send(bytes);
    EXPECT_TRUE(PumpHttpUntil([&] { return client.answers().size() == 1; }));
    PumpHttpTurns();
    EXPECT_FALSE(client.was_reset());
    EXPECT_EQ(client.answers()[0].status, 200);
    EXPECT_EQ(client.answers()[0].Header("connection") == "close", !client.is_open()) << bytes;
    return !client.is_open();
  };
  const std::string old =
      "POST /v1/traces HTTP/1.0\r\nContent-Type: application/x-protobuf\r\n"
      "Content-Length: 0\r\n";
  EXPECT_FALSE(ends(PostTraces("")));
  EXPECT_TRUE(ends(PostTraces("", "Connection: close\r\n")));
  EXPECT_TRUE(ends(old + "\r\n"));
  EXPECT_FALSE(ends(old + "Connection: keep-alive\r\n\r\n"));
  options_.http.connection.is_keep_alive = false;
  EXPECT_TRUE(ends(PostTraces("")));
}

// Scenario: Expect: 100-continue with good headers, with a path that is not there, and with the
// body right behind.
// Guarantees: HS-19: 100 only where the headers are accepted; otherwise the final answer at once,
// and the connection ends, since the body may come or not.
TEST_F(Http1ConnectionTest, ContinueIsSaidOnlyToThoseWhoMayGoOn) {
  SetUpHttp();
  const std::string fields = "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n";
  Http1Client& good = NewHttpClient();
  good.Send(kHead + fields);
  ASSERT_TRUE(PumpHttpUntil([&] { return good.answers().size() == 1; }));
  EXPECT_EQ(good.answers()[0].status, 100);
  good.Send("\xff\xff");
  ASSERT_TRUE(PumpHttpUntil([&] { return good.answers().size() == 2; }));
  EXPECT_EQ(good.answers()[1].status, 400);
  EXPECT_TRUE(good.is_open());

  Http1Client& bad = NewHttpClient();
  bad.Send("POST /x HTTP/1.1\r\nHost: a\r\n" + fields);
  ASSERT_TRUE(PumpHttpUntil([&] { return !bad.is_open(); }));
  EXPECT_EQ(StatusesOf(bad), std::vector<int>{404});
  EXPECT_EQ(bad.answers()[0].Header("connection"), "close");

  Http1Client& eager = NewHttpClient();
  eager.Send(kHead + fields + "\xff\xff");
  ASSERT_TRUE(PumpHttpUntil([&] { return eager.answers().size() == 1; }));
  EXPECT_EQ(eager.answers()[0].status, 400);
}

// Scenario: a request that is refused at its headers while its body is on the way: short, chunked
// and short, long, and chunked without end.
// Guarantees: the answer is seen in each case; a short rest is dropped and the connection goes on;
// a long one ends it, without a reset before the answer is there.
TEST_F(Http1ConnectionTest, ARefusedBodyIsDroppedOrEndsTheConnection) {
  SetUpHttp();
  const std::string refused = "POST /x HTTP/1.1\r\nHost: a\r\n";
  Http1Client& brief = NewHttpClient();
  brief.Send(refused + "Content-Length: 200000\r\n\r\n" + std::string(200'000, 'x'));
  brief.Send(refused + "Transfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n0\r\n\r\n");
  brief.Send(PostTraces(""));
  ASSERT_TRUE(PumpHttpUntil([&] { return brief.answers().size() == 3; }));
  EXPECT_EQ(StatusesOf(brief), (std::vector<int>{404, 404, 200}));

  Http1Client& longer = NewHttpClient();
  longer.Send(refused + "Content-Length: 400000\r\n\r\n" + std::string(400'000, 'x'));
  Http1Client& endless = NewHttpClient();
  endless.Send(refused + "Transfer-Encoding: chunked\r\n\r\nffffff\r\n" +
               std::string(300'000, 'x'));
  ASSERT_TRUE(PumpHttpUntil([&] {
    return longer.answers().size() == 1 && endless.answers().size() == 1 && longer.has_sent_all() &&
           endless.has_sent_all();
  }));
  EXPECT_EQ(longer.answers()[0].Header("connection"), "close");
  PumpHttpTurns();
  EXPECT_FALSE(longer.was_reset());
  EXPECT_FALSE(endless.was_reset());
  http_clients_.clear();
}

// Scenario: the port asks for credentials; a client without writes a body of 64 MiB as fast as it
// can, chunked without end, behind a head that is none, or while its credentials are looked at.
// Guarantees: H-05: no more than 64 KiB are read of it, and it is answered where it can be.
TEST_F(Http1ConnectionTest, H05OfAnUploadWithoutCredentialsLittleIsRead) {
  authenticator_.SetPolicy(std::make_shared<const BearerPolicy>(
      BearerPolicy::Options{}, std::vector<std::string>{"s3cret"}));
  SetUpHttp();
  const std::string announced = "Content-Length: 67108864\r\n\r\n";
  const std::vector<std::pair<std::string, int>> uploads = {
      {kHead + announced, 401},
      {std::string(kHead) + "Transfer-Encoding: chunked\r\n\r\nffffff\r\n", 401},
      {"POST /x HTTP/1.1\r\nHost: a\r\n" + announced, 404},
      {"POST /v1/traces HTTP/1.1\r\nHost a\r\n\r\n", 400}};
  for (const auto& [head, status] : uploads) {
    Http1Client client(http_port_);
    client.Send(head + std::string(1'000'000, 'x'));
    const std::size_t read = ReadByServer(client);
    EXPECT_GT(read, 0u);
    EXPECT_LE(read, std::size_t{64} * 1024) << head;
    ASSERT_TRUE(PumpUntil([&] {
      client.Pump();
      return !client.answers().empty();
    }));
    EXPECT_EQ(client.answers()[0].status, status);
  }
}

// Scenario: requests of a client whose password is checked elsewhere: without a body, with a short
// one, both pipelined, and a wrong password.
// Guarantees: each is answered when the check is done, and not by a timeout; one that was whole
// before, too.
TEST_F(Http1ConnectionTest, ARequestThatWaitsForItsCredentialsGoesOn) {
  const BasicPolicy::Source source{.file = "", .inline_text = "u:p"};
  authenticator_.SetPolicy(std::make_shared<const BasicPolicy>(source, *ReadUsers(source)));
  SetUpHttp(1);
  const std::string good = "Authorization: Basic dTpw\r\n";
  EXPECT_EQ(AskHttp(PostTraces("", good)).status, 200) << "nothing more comes after the head";
  authenticator_.SetPolicy(std::make_shared<const BasicPolicy>(source, *ReadUsers(source)));
  EXPECT_EQ(AskHttp(PostTraces("abc", good)).status, 400);
  authenticator_.SetPolicy(std::make_shared<const BasicPolicy>(source, *ReadUsers(source)));
  EXPECT_EQ(
      AskHttp(PostTraces("", good) + PostTraces("abc", good) + PostTraces("", good), 3).status,
      200);
  EXPECT_EQ(AskHttp(PostTraces("", "Authorization: Basic dTp4\r\n")).status, 401);
  verifier_.Stop();
}

// Scenario: the port asks for credentials; one connection sends two good requests of 1 MiB, then
// one without credentials and a short body, then a good one. Guarantees: who is let in is read
// without that bound, and a short refused body ends nothing.
TEST_F(Http1ConnectionTest, H05CredentialsLiftTheBoundForTheirRequest) {
  authenticator_.SetPolicy(std::make_shared<const BearerPolicy>(
      BearerPolicy::Options{}, std::vector<std::string>{"s3cret"}));
  SetUpHttp();
  const std::string bad(1'000'000, '\xff');  // read whole, and no request
  const std::string known = "Authorization: Bearer s3cret\r\n";
  Http1Client& client = NewHttpClient();
  for (const std::string& request :
       {PostTraces(bad, known), PostTraces(bad, known), PostTraces(std::string(100'000, 'x')),
        PostTraces("", known)}) {
    client.Send(request);
    const std::size_t answers = client.answers().size();
    ASSERT_TRUE(PumpHttpUntil([&] { return client.answers().size() > answers; }));
  }
  EXPECT_EQ(StatusesOf(client), (std::vector<int>{400, 400, 401, 200}));
}

// Scenario: no credentials are asked for; a request that is refused at its head announces 64 MiB.
// Guarantees: of a rest that is too long to be read to its end, next to nothing is read.
TEST_F(Http1ConnectionTest, OfALongRefusedBodyNextToNothingIsRead) {
  SetUpHttp();
  Http1Client client(http_port_);
  client.Send("POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 67108864\r\n\r\n" +
              std::string(2'000'000, 'x'));
  EXPECT_LE(ReadByServer(client), kReadBufferBytes + 64 * 1024);
}

// Scenario: a client sends a whole request, ends its side, and waits.
// Guarantees: it gets its answer.
TEST_F(Http1ConnectionTest, AHalfClosedClientIsAnswered) {
  SetUpHttp(1);
  Http1Client& client = NewHttpClient();
  client.Send(PostTraces(RequestOf({Trace('a')})));
  client.Pump();
  client.EndSending();
  ASSERT_TRUE(PumpHttpUntil([&] { return !client.is_open(); }));
  EXPECT_EQ(StatusesOf(client), std::vector<int>{200});
}

// Scenario: clients go in the middle of a head, of a body, and while the answer is worked on.
// Guarantees: FM-17: a request that was begun is booked as cancelled, or finished; nothing stays.
TEST_F(Http1ConnectionTest, ClientsThatGoLeaveNothing) {
  SetUpHttp(1);
  Http1Client& in_head = NewHttpClient();
  in_head.Send("POST /v1/tra");
  Http1Client& in_body = NewHttpClient();
  in_body.Send(std::string(kHead) + "Content-Length: 100\r\n\r\nabc");
  PumpHttpTurns();
  in_head.Abort();
  in_body.Abort();
  ASSERT_TRUE(RunUntil([&] { return server_->connection_count() == 0; }));
  EXPECT_EQ(ledger_.requests.cancelled.Value(), 1u);
  Http1Client& waiting = NewHttpClient();
  waiting.Send(PostTraces(RequestOf({Trace('a')})));
  waiting.Pump();
  waiting.Abort();
  ASSERT_TRUE(RunUntil([&] { return Settled(ledger_.requests) == 2; }));
  const LedgerColumn& spans = ledger_.http_spans;
  EXPECT_EQ(spans.cancelled.Value() + spans.forwarded.Value(), spans.received.Value());
  EXPECT_EQ(spans.in_flight.Value(), 0u);
}

// ---- patience ----------------------------------------------------------------------------------

// Scenario: connections that say nothing, half a head, and nothing between requests.
// Guarantees: A-12: the silent one is closed; the half gets 408; the idle one is closed.
TEST_F(Http1ConnectionTest, A12SlowHeadsAndIdleConnectionsEnd) {
  options_.http.connection.header_timeout = milliseconds(50);
  options_.http.connection.idle_timeout = milliseconds(60);
  SetUpHttp();
  Http1Client& silent = NewHttpClient();
  Http1Client& half = NewHttpClient();
  half.Send("POST /v1/traces HTTP/1.1\r\nHost:");
  Http1Client& idle = NewHttpClient();
  idle.Send(PostTraces(""));
  ASSERT_TRUE(
      PumpHttpUntil([&] { return !silent.is_open() && !half.is_open() && !idle.is_open(); }));
  EXPECT_TRUE(silent.answers().empty());
  EXPECT_EQ(StatusesOf(half), std::vector<int>{408});
  StatusIn(half.answers()[0]);
  EXPECT_EQ(StatusesOf(idle), std::vector<int>{200});
}

// Scenario: a body that stops; one that goes on at a good pace but takes longer than read_timeout;
// one that misses the deadline of the request.
// Guarantees: A-12, HS-14: 504, which may be retried, not 408; booked as refused for its deadline.
TEST_F(Http1ConnectionTest, A12SlowBodiesGet504) {
  options_.http.connection.pace_window = milliseconds(50);
  SetUpHttp();
  const std::string request = std::string(kHead) + "Content-Length: 1000000\r\n\r\nabc";
  Http1Client& slow = NewHttpClient();
  slow.Send(request);
  ASSERT_TRUE(PumpHttpUntil([&] { return !slow.is_open(); }));
  EXPECT_EQ(StatusesOf(slow), std::vector<int>{504});
  StatusIn(slow.answers()[0]);

  options_.http.connection.pace_window = milliseconds(10'000);
  options_.http.connection.read_timeout = milliseconds(50);
  Http1Client& late = NewHttpClient();
  late.Send(request + std::string(100'000, 'x'));
  ASSERT_TRUE(PumpHttpUntil([&] { return !late.is_open(); }));
  EXPECT_EQ(StatusesOf(late), std::vector<int>{504});

  options_.http.connection.read_timeout = milliseconds(0);
  options_.deadline.default_timeout = milliseconds(100);
  Http1Client& expired = NewHttpClient();
  expired.Send(request);
  ASSERT_TRUE(PumpHttpUntil([&] { return !expired.answers().empty(); }));
  EXPECT_EQ(StatusesOf(expired), std::vector<int>{504});
  EXPECT_EQ(RefusedFor(ledger_.requests, RefuseReason::kDeadline), 3u);
}

// Scenario: a client pipelines without end and reads nothing.
// Guarantees: the server stops reading; what it keeps and has to write is bounded.
TEST_F(Http1ConnectionTest, AClientThatDoesNotReadIsNotReadFrom) {
  SetUpHttp();
  Http1Client client(http_port_);
  std::string many;
  while (many.size() < 40'000'000) many += PostTraces("", "", "/x");
  // Sends without reading: the kernel's buffers fill, then nothing more is taken.
  std::size_t sent = 0;
  client.Send(many);
  const std::size_t before = many.size();
  for (int i = 0; i < 2000; ++i) {
    sent += client.PumpSending();
    loop_.Turn(false);
  }
  EXPECT_LT(memory_.charged(), 600'000u);
  EXPECT_LT(sent, before);
}

// ---- drain -------------------------------------------------------------------------------------

// Scenario: a drain with an idle connection, one with a request at its backend, one that sends its
// next request between the two steps, and one that has said nothing.
// Guarantees: FM-33: no request is cut; answers say close; idle connections end at the second step.
TEST_F(Http1ConnectionTest, Fm33DrainCutsNoRequest) {
  SetUpHttp(1);
  std::vector<ServerStream*> held;
  backends_[0]->AnswerBy([&](ServerStream& stream) { held.push_back(&stream); });
  Http1Client& idle = NewHttpClient();
  Http1Client& next = NewHttpClient();
  Http1Client& silent = NewHttpClient();
  Http1Client& running = NewHttpClient();
  idle.Send(PostTraces(""));
  next.Send(PostTraces(""));
  running.Send(PostTraces(RequestOf({Trace('a')})));
  ASSERT_TRUE(PumpHttpUntil([&] {
    return idle.answers().size() == 1 && next.answers().size() == 1 && held.size() == 1;
  }));
  server_->AnnounceShutDown();
  next.Send(PostTraces(""));
  ASSERT_TRUE(PumpHttpUntil([&] { return next.answers().size() == 2 && !next.is_open(); }));
  EXPECT_EQ(next.answers()[0].Header("connection"), "");
  EXPECT_EQ(next.answers()[1].Header("connection"), "close");
  EXPECT_TRUE(idle.is_open());
  EXPECT_TRUE(silent.is_open());
  server_->ShutDown();
  ASSERT_TRUE(PumpHttpUntil([&] { return !idle.is_open() && !silent.is_open(); }));
  EXPECT_TRUE(running.is_open());
  held[0]->RespondMessage("");
  ASSERT_TRUE(PumpHttpUntil([&] { return !running.is_open(); }));
  EXPECT_EQ(StatusesOf(running), std::vector<int>{200});
  EXPECT_EQ(running.answers()[0].Header("connection"), "close");
}

// Scenario: a request lies in the socket, not yet read, when the last step of the drain comes.
// Guarantees: FM-33: it is answered.
TEST_F(Http1ConnectionTest, Fm33ARequestThatHasArrivedIsStillAnswered) {
  SetUpHttp();
  Http1Client& client = NewHttpClient();
  client.Send(PostTraces(""));
  ASSERT_TRUE(PumpHttpUntil([&] { return client.answers().size() == 1; }));
  client.Send(PostTraces(""));
  client.Pump();
  server_->AnnounceShutDown();
  server_->ShutDown();
  ASSERT_TRUE(PumpHttpUntil([&] { return !client.is_open(); }));
  EXPECT_EQ(StatusesOf(client), (std::vector<int>{200, 200}));
}

// Scenario: 100 bytes of a body of 3000 come, by Content-Length; of another one in chunks.
// Guarantees: no more memory is taken than the body will need, or than eight times what came.
TEST_F(Http1ConnectionTest, ASmallBodyTakesLittleMemory) {
  SetUpHttp();
  const std::string head =
      "POST /v1/traces HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-protobuf\r\n";
  Http1Client& known = NewHttpClient();
  known.Send(head + "Content-Length: 3000\r\n\r\n" + std::string(500, 'x'));
  ASSERT_TRUE(PumpHttpUntil([&] { return memory_.charged() > 0; }));
  EXPECT_EQ(memory_.charged(), 3000U);
  Http1Client& chunked = NewHttpClient();
  chunked.Send(head + "Transfer-Encoding: chunked\r\n\r\n64\r\n" + std::string(100, 'x') + "\r\n");
  ASSERT_TRUE(PumpHttpUntil([&] { return memory_.charged() > 3000; }));
  EXPECT_EQ(memory_.charged(), 3000U + 800U);
}

}  // namespace
}  // namespace router::test
