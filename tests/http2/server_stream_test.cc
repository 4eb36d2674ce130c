#include <gtest/gtest.h>

#include <string>

#include "tests/http2/server_fixture.h"

namespace router {
namespace {

using test::PeerStream;

// Scenario: three messages with pauses, then the end.
// Guarantees: each arrives when it was pushed, trailers last.
TEST_F(ServerConnectionTest, PushedMessagesArriveOneByOne) {
  Connect();
  PeerStream& call = client_->Request(Export(), "watch");
  ASSERT_TRUE(Until([&] { return !seen_.empty() && seen_[0]->events.back() == "end"; }));
  std::string expected;
  for (const char* message : {"one", "two", ""}) {
    seen_[0]->stream->Push(message);
    expected += test::GrpcFrame(message);
    ASSERT_TRUE(Until([&] { return call.body == expected; }));
  }
  EXPECT_FALSE(call.is_ended);
  seen_[0]->stream->Finish(GrpcCode::kUnavailable, "going");
  ASSERT_TRUE(Until([&] { return call.is_closed; }));
  EXPECT_EQ(call.Header("grpc-status"), "14");
  EXPECT_EQ(call.Header("grpc-message"), "going");
  EXPECT_EQ(seen_[0]->resets, 0);
}

// Scenario: many messages and the end are pushed at once, to a client whose window is 10 bytes wide
// and who opens it bit by bit.
// Guarantees: nothing is lost or reordered; trailers come after the last byte.
TEST_F(ServerConnectionTest, PushWaitsForTheClientsWindow) {
  Connect({.settings = {{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 10}}, .auto_window_update = false});
  PeerStream& call = client_->Request(Export(), "watch");
  ASSERT_TRUE(Until([&] { return !seen_.empty() && seen_[0]->events.back() == "end"; }));
  std::string expected;
  for (int i = 0; i < 50; ++i) {
    const std::string message = "message " + std::to_string(i);
    seen_[0]->stream->Push(message);
    expected += test::GrpcFrame(message);
  }
  seen_[0]->stream->Finish(GrpcCode::kOk, "");
  std::size_t consumed = 0;
  while (call.body.size() < expected.size()) {
    ASSERT_TRUE(Until([&] { return call.body.size() > consumed; }));
    ASSERT_LE(call.body.size() - consumed, 10U);
    EXPECT_EQ(call.Header("grpc-status").empty(), call.body.size() < expected.size());
    const std::size_t fresh = call.body.size() - consumed;
    consumed = call.body.size();
    client_->Consume(call, fresh);
  }
  ASSERT_TRUE(Until([&] { return call.is_closed; }));
  EXPECT_EQ(call.body, expected);
  EXPECT_EQ(call.Header("grpc-status"), "0");
}

// Scenario: Finish() without a Push(); Push() and Finish() after the end.
// Guarantees: a status alone; what comes after the end is ignored.
TEST_F(ServerConnectionTest, FinishWithoutPushIsAStatusAlone) {
  Connect();
  PeerStream& call = client_->Request(Export(), "watch");
  ASSERT_TRUE(Until([&] { return !seen_.empty() && seen_[0]->events.back() == "end"; }));
  ServerStream* stream = seen_[0]->stream;
  stream->Finish(GrpcCode::kOk, "");
  stream->Push("late");
  stream->Finish(GrpcCode::kInternal, "late");
  ASSERT_TRUE(Until([&] { return call.is_closed; }));
  EXPECT_EQ(call.body, "");
  EXPECT_EQ(call.Header("grpc-status"), "0");
}

// Scenario: the client resets a server stream between two messages.
// Guarantees: OnReset() once.
TEST_F(ServerConnectionTest, ResetOfAServerStreamIsToldOnce) {
  Connect();
  PeerStream& call = client_->Request(Export(), "watch");
  ASSERT_TRUE(Until([&] { return !seen_.empty() && seen_[0]->events.back() == "end"; }));
  seen_[0]->stream->Push("one");
  ASSERT_TRUE(Until([&] { return !call.body.empty(); }));
  client_->Reset(call, NGHTTP2_CANCEL);
  ASSERT_TRUE(Until([&] { return seen_[0]->stream == nullptr; }));
  EXPECT_EQ(seen_[0]->resets, 1);
}

// Scenario: an answer far larger than the socket's buffers, to a client that takes all windows at
// once and reads nothing for a while.
// Guarantees: what was left when the socket was full is written to the end: no wake-up is
// missed.
TEST_F(ServerConnectionTest, FullSocketIsWrittenToTheEnd) {
  on_request_end_ = [](SeenRequest& seen) {
    seen.stream->RespondMessage(std::string(4 << 20, 'r'));
  };
  ConnectRaw(16 * 1024);
  client_ = test::Http2Peer::Start(loop_, std::move(*raw_), test::Http2Peer::Side::kClient,
                                   {.settings = {{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 16 << 20}},
                                    .auto_window_update = false,
                                    .connection_window = 16 << 20});
  PeerStream& call = client_->Request(Export(), "x");
  ASSERT_TRUE(Until([&] { return call.is_closed; })) << "stalled at " << call.body.size();
  EXPECT_EQ(call.body.size(), std::size_t{5} + (4 << 20));
}

}  // namespace
}  // namespace router
