#include "router/http2/client_connection.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/http2/client_fixture.h"

namespace router {
namespace {

using test::PeerStream;

// Scenario: 20 calls in flight; the server has read 12 and says GOAWAY(last = 9).
// Guarantees: P-09: those above are proved unprocessed; those up to 9 finish; the owner hears of it
// once, and no call is taken any more; then the connection closes.
TEST_F(ClientConnectionTest, GoAwayGivesBackWhatIsAboveItsLastStreamP09) {
  Connect();
  std::vector<KeepingSink*> sinks;
  for (int i = 0; i < 20; ++i) sinks.push_back(Send());
  ASSERT_NE(Arrived(19), nullptr);
  server_->GoAway(9, NGHTTP2_NO_ERROR);
  ASSERT_TRUE(Until([&] { return sinks[19]->answer.has_value(); }));
  EXPECT_EQ(draining_, 1);
  EXPECT_FALSE(client_->CanSend());
  for (std::size_t i = 0; i < 20; ++i) {
    const bool is_above = 2 * i + 1 > 9;
    ASSERT_EQ(sinks[i]->answer.has_value(), is_above) << i;
    if (is_above) {
      EXPECT_EQ(sinks[i]->answer->kind, Kind::kUnprocessed);
    }
  }
  client_->Abandon();
  for (int i = 0; i < 5; ++i) server_->AnswerGrpc(*server_->Find(2 * i + 1), 0, "");
  ASSERT_TRUE(Until([&] { return sinks[4]->answer.has_value() && !client_->is_open(); }));
  for (std::size_t i = 0; i < 5; ++i) EXPECT_EQ(sinks[i]->answer->code, GrpcCode::kOk);
  EXPECT_EQ(closed_, 0) << "abandoned: the owner hears nothing";
}

// Scenario: the connection is lost with one call sent and one that the server's
// MAX_CONCURRENT_STREAMS held back.
// Guarantees: the sent one is broken (nobody knows), the other unprocessed; the owner hears of
// it once, last.
TEST_F(ClientConnectionTest, LostConnectionTellsSentFromUnsent) {
  Connect({.settings = {{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 1}}});
  KeepingSink* const sent = Send();
  KeepingSink* const unsent = Send();
  sent->then = unsent->then = [&] { EXPECT_EQ(closed_, 0); };
  ASSERT_NE(Arrived(0), nullptr);
  server_->Close();
  ASSERT_TRUE(Until([&] { return closed_ == 1; }));
  ASSERT_TRUE(sent->answer.has_value() && unsent->answer.has_value());
  EXPECT_EQ(sent->answer->kind, Kind::kBroken);
  EXPECT_EQ(unsent->answer->kind, Kind::kUnprocessed);
  EXPECT_EQ(client_->call_count(), 0U);
}

// Scenario: MAX_CONCURRENT_STREAMS is 1 and five calls are made.
// Guarantees: P-12: never two streams at once; each goes out when the one before has ended.
TEST_F(ClientConnectionTest, RespectsMaxConcurrentStreamsP12) {
  Connect({.settings = {{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 1}}});
  std::vector<KeepingSink*> sinks;
  for (int i = 0; i < 5; ++i) sinks.push_back(Send());
  for (int i = 0; i < 5; ++i) {
    PeerStream* stream = Arrived(i);
    ASSERT_NE(stream, nullptr);
    loop_.Turn(false);
    EXPECT_EQ(server_->streams().size(), static_cast<std::size_t>(i) + 1);
    server_->AnswerGrpc(*stream, 0, "");
    ASSERT_TRUE(Until([&] { return sinks[static_cast<std::size_t>(i)]->answer.has_value(); }));
  }
}

// Scenario: one call is cancelled while the server works on it, another while it waits behind
// MAX_CONCURRENT_STREAMS; the server answers late.
// Guarantees: the sinks hear nothing; RST_STREAM(CANCEL) for the first; the second never reaches
// the server.
TEST_F(ClientConnectionTest, CancelledCallIsResetAndSilent) {
  Connect({.settings = {{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 1}}});
  KeepingSink* const sent = Send();
  KeepingSink* const waiting = Send();
  PeerStream* stream = Arrived(0);
  ASSERT_NE(stream, nullptr);
  client_->Cancel(*waiting->call);
  client_->Cancel(*sent->call);
  server_->AnswerGrpc(*stream, 0, "late");
  ASSERT_TRUE(
      Until([&] { return server_->HasFrame("RST_STREAM 1 8") && client_->call_count() == 0; }));
  KeepingSink* const next = Send();
  PeerStream* third = Arrived(2);
  ASSERT_NE(third, nullptr);
  EXPECT_EQ(server_->Find(3), nullptr);
  server_->AnswerGrpc(*third, 0, "");
  ASSERT_TRUE(Until([&] { return next->answer.has_value(); }));
  EXPECT_FALSE(sent->answer.has_value());
  EXPECT_FALSE(waiting->answer.has_value());
}

// Scenario: MAX_CONCURRENT_STREAMS is 0; ten calls of 1 MiB are made and cancelled.
// Guarantees: P-12: what was cancelled before it was sent holds no memory, however long the peer
// takes no call.
TEST_F(ClientConnectionTest, CancelledBeforeSendingHoldsNoMemoryP12) {
  Connect({.settings = {{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 0}}});
  for (int i = 0; i < 10; ++i) {
    KeepingSink* const sink = Send(std::string(1 << 20, 'x'));
    loop_.Turn(false);
    client_->Cancel(*sink->call);
    loop_.Turn(false);
  }
  EXPECT_EQ(account_.charged(), 0U);
}

// Scenario: the server's window is one byte wide and opens by one byte at a time.
// Guarantees: the request arrives whole.
TEST_F(ClientConnectionTest, OneByteWindowGetsTheWholeRequest) {
  Connect({.settings = {{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 1}}, .auto_window_update = false});
  std::string message;
  for (int i = 0; i < 200; ++i) message += static_cast<char>(i);
  Send(message);
  ASSERT_TRUE(Until([&] { return server_->Find(1) != nullptr; }));
  PeerStream* stream = server_->Find(1);
  for (std::size_t size = 1; size <= message.size() + 5; ++size) {
    ASSERT_TRUE(Until([&] { return stream->body.size() == size; }));
    server_->Consume(*stream, 1);
  }
  ASSERT_TRUE(Until([&] { return stream->is_ended; }));
  EXPECT_EQ(stream->body, test::GrpcFrame(message));
}

// Scenario: a request far larger than the socket's buffers to a server that opened its windows wide
// once and never again.
// Guarantees: it arrives whole: what was left when the socket was full is followed by the rest.
TEST_F(ClientConnectionTest, FullSocketIsWrittenToTheEnd) {
  Connect({.settings = {{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 16 << 20}},
           .auto_window_update = false,
           .connection_window = 16 << 20},
          16 * 1024);
  const std::string message(4 << 20, 'q');
  Send(message);
  PeerStream* stream = Arrived(0);
  ASSERT_NE(stream, nullptr);
  EXPECT_EQ(stream->body, test::GrpcFrame(message));
}

// Scenario: the first of three answers closes the connection from inside its OnResponse().
// Guarantees: the other two still end once each; the owner hears of the end once; nothing is
// touched afterwards (the address sanitizer watches).
TEST_F(ClientConnectionTest, ClosedFromInsideAnAnswer) {
  Connect();
  KeepingSink* const first = Send();
  KeepingSink* const second = Send();
  KeepingSink* const third = Send(std::string(1 << 20, 'x'));  // blocked by the window
  first->then = [&] { client_->Close("enough"); };
  PeerStream* stream = Arrived(0);
  ASSERT_NE(stream, nullptr);
  server_->AnswerGrpc(*stream, 0, "");
  ASSERT_TRUE(Until([&] { return closed_ == 1; }));
  loop_.Turn(false);
  EXPECT_EQ(first->answer->code, GrpcCode::kOk);
  ASSERT_TRUE(second->answer.has_value() && third->answer.has_value());
  EXPECT_EQ(second->answer->kind, Kind::kBroken);
}

// Scenario: the server answers one call and resets the connection; the client is busy, and writes
// the next call before it has read.
// Guarantees: the answer that had arrived is heard, though the write has failed; the other call is
// not called done; once with a sink that closes the connection meanwhile.
TEST_F(ClientConnectionTest, AnswerThatHasArrivedIsHeardWhenAWriteFails) {
  for (const bool is_closing : {false, true}) {
    closed_ = ready_ = 0;
    auto [left, right] = test::ConnectedSockets(loop_);
    right.set_option(boost::asio::socket_base::linger(true, 0));  // closes by RST
    client_ = ClientConnection::Start(loop_, Transport(std::move(left)), *this);
    server_ = test::Http2Peer::Start(loop_, std::move(right), test::Http2Peer::Side::kServer);
    ASSERT_TRUE(Until([&] { return ready_ == 1; }));
    KeepingSink* const first = Send();
    if (is_closing) first->then = [&] { client_->Close("enough"); };
    PeerStream* stream = Arrived(0);
    ASSERT_NE(stream, nullptr);
    server_->AnswerGrpc(*stream, 0, "");
    server_->Close();
    KeepingSink* const second = Send();
    for (int i = 0; i < 2 * kHandlersPerTurnMax; ++i) loop_.Post([] {});
    ASSERT_TRUE(Until([&] { return closed_ == 1; }));
    ASSERT_TRUE(first->answer.has_value() && second->answer.has_value());
    EXPECT_EQ(first->answer->kind, Kind::kStatus);
    EXPECT_EQ(first->answer->code, GrpcCode::kOk);
    EXPECT_NE(second->answer->kind, Kind::kStatus);
  }
}

// Scenario: the connection is lost; the first sink to hear it cancels the second call.
// Guarantees: the cancelled call stays silent.
TEST_F(ClientConnectionTest, CancelFromInsideTheEndOfTheConnection) {
  Connect();
  KeepingSink* const one = Send();
  KeepingSink* const other = Send();
  const auto cancel_other = [&](KeepingSink& sink) { client_->Cancel(*sink.call); };
  one->then = [&] { cancel_other(*other); };
  other->then = [&] { cancel_other(*one); };
  ASSERT_NE(Arrived(1), nullptr);
  server_->Close();
  ASSERT_TRUE(Until([&] { return closed_ == 1; }));
  EXPECT_NE(one->answer.has_value(), other->answer.has_value());
}

// Scenario: an abandoned connection without calls, and one with a call in flight.
// Guarantees: the first closes at once, the second when its call has ended; the owner hears
// nothing.
TEST_F(ClientConnectionTest, AbandonedConnectionClosesWhenItsCallsHaveEnded) {
  Connect();
  KeepingSink* const sink = Send();
  PeerStream* stream = Arrived(0);
  ASSERT_NE(stream, nullptr);
  client_->Abandon();
  ASSERT_TRUE(Until([&] { return server_->HasFrame("GOAWAY 0 0 0"); }));
  EXPECT_TRUE(client_->is_open());
  server_->AnswerGrpc(*stream, 0, "");
  ASSERT_TRUE(Until([&] { return !client_->is_open(); }));
  EXPECT_TRUE(sink->answer.has_value());
  EXPECT_EQ(closed_, 0);
}

// Scenario: the peer answers the preface with HTTP/1.1.
// Guarantees: closed, never ready.
TEST_F(ClientConnectionTest, PeerThatDoesNotSpeakHttp2IsClosed) {
  auto [left, right] = test::ConnectedSockets(loop_);
  client_ = ClientConnection::Start(loop_, Transport(std::move(left)), *this);
  right.write_some(boost::asio::buffer(std::string("HTTP/1.1 400 Bad Request\r\n\r\n")));
  ASSERT_TRUE(Until([&] { return closed_ == 1; }));
  EXPECT_EQ(ready_, 0);
}

}  // namespace
}  // namespace router
