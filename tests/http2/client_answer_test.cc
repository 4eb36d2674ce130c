#include <gtest/gtest.h>

#include <map>
#include <string>

#include "router/base/limits.h"
#include "tests/http2/client_fixture.h"

namespace router {
namespace {

using test::HeaderList;
using test::PeerStream;

const HeaderList kGrpcHeaders = {{":status", "200"}, {"content-type", "application/grpc"}};

// Scenario: a call is answered with a message and OK.
// Guarantees: the request arrives whole, with its prefix; raw DATA, code and encoding come back.
TEST_F(ClientConnectionTest, AnswerWithMessageAndStatus) {
  Connect();
  KeepingSink* const sink = Send("ping");
  PeerStream* stream = Arrived(0);
  ASSERT_NE(stream, nullptr);
  EXPECT_EQ(stream->body, test::GrpcFrame("ping"));
  HeaderList headers = kGrpcHeaders;
  headers.emplace_back("grpc-encoding", "gzip");
  server_->Answer(*stream, headers, test::GrpcFrame("pong"), {{"grpc-status", "0"}});
  ASSERT_TRUE(Until([&] { return sink->answer.has_value(); }));
  EXPECT_EQ(sink->answer->kind, Kind::kStatus);
  EXPECT_EQ(sink->answer->code, GrpcCode::kOk);
  EXPECT_EQ(sink->answer->encoding, "gzip");
  EXPECT_EQ(std::string(sink->answer->body.begin(), sink->answer->body.end()),
            test::GrpcFrame("pong"));
  EXPECT_EQ(client_->call_count(), 0U);
}

// Scenario: all 17 codes, 99 and values that are no number, in trailers-only answers.
// Guarantees: the code as given; what is none is UNKNOWN; the message decoded (P-07), details
// untouched.
TEST_F(ClientConnectionTest, TrailersOnlyStatusOfEveryCode) {
  Connect();
  int n = 0;
  for (const char* text : {"0",
                           "1",
                           "2",
                           "3",
                           "4",
                           "5",
                           "6",
                           "7",
                           "8",
                           "9",
                           "10",
                           "11",
                           "12",
                           "13",
                           "14",
                           "15",
                           "16",
                           "99",
                           "18446744073709551616",
                           "-1",
                           "x",
                           ""}) {
    KeepingSink* const sink = Send();
    PeerStream* stream = Arrived(n++);
    ASSERT_NE(stream, nullptr);
    HeaderList headers = kGrpcHeaders;
    headers.insert(headers.end(), {{"grpc-status", text},
                                   {"grpc-message", "a%20%C3%A4%zz"},
                                   {"grpc-status-details-bin", "CAE="}});
    server_->Answer(*stream, headers, "", {});
    ASSERT_TRUE(Until([&] { return sink->answer.has_value(); })) << text;
    EXPECT_EQ(sink->answer->kind, Kind::kStatus);
    EXPECT_EQ(static_cast<int>(sink->answer->code), n <= 17 ? n - 1 : 2) << text;
    EXPECT_EQ(sink->answer->message, "a \xc3\xa4%zz");
    EXPECT_EQ(sink->answer->details, "CAE=");
  }
}

// Scenario: an intermediary answers in HTTP, with a text and without any grpc-status.
// Guarantees: P-08, status by status; 200 without grpc-status is UNKNOWN; grpc-status beats
// :status.
TEST_F(ClientConnectionTest, HttpStatusWithoutGrpcStatusP08) {
  Connect();
  const std::map<std::string, GrpcCode> table = {
      {"400", GrpcCode::kInternal},         {"401", GrpcCode::kUnauthenticated},
      {"403", GrpcCode::kPermissionDenied}, {"404", GrpcCode::kUnimplemented},
      {"429", GrpcCode::kUnavailable},      {"502", GrpcCode::kUnavailable},
      {"503", GrpcCode::kUnavailable},      {"504", GrpcCode::kUnavailable},
      {"500", GrpcCode::kUnknown},          {"418", GrpcCode::kUnknown},
      {"301", GrpcCode::kUnknown},          {"200", GrpcCode::kUnknown}};
  int n = 0;
  for (const auto& [status, code] : table) {
    KeepingSink* const sink = Send();
    PeerStream* stream = Arrived(n++);
    ASSERT_NE(stream, nullptr);
    server_->Answer(*stream, {{":status", status}}, "<html>", {});
    ASSERT_TRUE(Until([&] { return sink->answer.has_value(); })) << status;
    EXPECT_EQ(sink->answer->kind, Kind::kStatus);
    EXPECT_EQ(sink->answer->code, code) << status;
  }
  KeepingSink* const sink = Send();
  PeerStream* stream = Arrived(n);
  ASSERT_NE(stream, nullptr);
  server_->Answer(*stream, {{":status", "503"}, {"grpc-status", "3"}}, "", {});
  ASSERT_TRUE(Until([&] { return sink->answer.has_value(); }));
  EXPECT_EQ(sink->answer->code, GrpcCode::kInvalidArgument);
}

// Scenario: the server resets the stream with each of the 14 codes of HTTP/2, without a status.
// Guarantees: P-10: REFUSED_STREAM proves "not processed"; every other reset leaves it unknown.
TEST_F(ClientConnectionTest, ResetWithEveryCodeP10) {
  Connect();
  for (std::uint32_t error = 1; error <= 13; ++error) {
    KeepingSink* const sink = Send();
    PeerStream* stream = Arrived(static_cast<int>(error) - 1);
    ASSERT_NE(stream, nullptr);
    server_->Reset(*stream, error);
    ASSERT_TRUE(Until([&] { return sink->answer.has_value(); })) << error;
    const bool is_refused = error == NGHTTP2_REFUSED_STREAM;
    EXPECT_EQ(sink->answer->kind, is_refused ? Kind::kUnprocessed : Kind::kBroken) << error;
    const GrpcCode code = error == NGHTTP2_CANCEL                ? GrpcCode::kCancelled
                          : error == NGHTTP2_ENHANCE_YOUR_CALM   ? GrpcCode::kResourceExhausted
                          : error == NGHTTP2_INADEQUATE_SECURITY ? GrpcCode::kPermissionDenied
                                                                 : GrpcCode::kUnavailable;
    EXPECT_EQ(sink->answer->code, code) << error;
  }
}

// Scenario: a status that ends the answer comes while the request still waits for its window; then
// the stream is reset.
// Guarantees: the status stands.
TEST_F(ClientConnectionTest, ResetAfterTheStatusChangesNothing) {
  Connect({.settings = {{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 1}}, .auto_window_update = false});
  KeepingSink* const sink = Send();
  ASSERT_TRUE(Until([&] { return server_->Find(1) != nullptr; }));
  PeerStream& stream = *server_->Find(1);
  SendBlock(stream, {{":status", "200"}, {"grpc-status", "5"}}, true);
  server_->Reset(stream, NGHTTP2_CANCEL);
  ASSERT_TRUE(Until([&] { return sink->answer.has_value(); }));
  EXPECT_EQ(sink->answer->kind, Kind::kStatus);
  EXPECT_EQ(sink->answer->code, GrpcCode::kNotFound);
}

// Scenario: grpc-status where it does not end the answer: in the first block, in a 1xx, twice; and
// answers that end with it behind such blocks.
// Guarantees: it counts only in a block that ends the answer: an OK elsewhere never becomes one, a
// 1xx does not hide that the request was not processed, and a contradiction is a broken answer.
TEST_F(ClientConnectionTest, StatusCountsOnlyInTheBlockThatEndsTheAnswer) {
  struct Case {
    std::vector<HeaderList> blocks;
    std::uint32_t reset;  // 0: the last block ends the answer
    Kind kind;
    GrpcCode code;
  };
  const HeaderList early = {{":status", "200"}, {"grpc-status", "0"}};
  const HeaderList interim = {{":status", "103"}, {"grpc-status", "0"}, {"grpc-encoding", "x"}};
  const std::vector<Case> cases = {
      {{early}, NGHTTP2_INTERNAL_ERROR, Kind::kBroken, GrpcCode::kUnavailable},
      {{interim}, NGHTTP2_INTERNAL_ERROR, Kind::kBroken, GrpcCode::kUnavailable},
      {{interim}, NGHTTP2_REFUSED_STREAM, Kind::kUnprocessed, GrpcCode::kUnavailable},
      {{interim, interim}, 0, Kind::kBroken, GrpcCode::kUnavailable},
      {{early, {{"grpc-status", "14"}}}, 0, Kind::kStatus, GrpcCode::kUnavailable},
      {{early, {{"x", "y"}}}, 0, Kind::kStatus, GrpcCode::kUnknown},
      {{kGrpcHeaders, {{"grpc-status", "14"}, {"grpc-status", "0"}}},
       0,
       Kind::kBroken,
       GrpcCode::kUnavailable},
      {{interim, kGrpcHeaders, {{"grpc-status", "0"}}}, 0, Kind::kStatus, GrpcCode::kOk},
      {{interim, early}, 0, Kind::kStatus, GrpcCode::kOk},
  };
  Connect();
  for (std::size_t i = 0; i < cases.size(); ++i) {
    KeepingSink* const sink = Send();
    PeerStream* stream = Arrived(static_cast<int>(i));
    ASSERT_NE(stream, nullptr);
    const auto& [blocks, reset, kind, code] = cases[i];
    for (const HeaderList& block : blocks) {
      SendBlock(*stream, block, reset == 0 && &block == &blocks.back());
    }
    if (reset != 0) server_->Reset(*stream, reset);
    ASSERT_TRUE(Until([&] { return sink->answer.has_value(); })) << i;
    EXPECT_EQ(sink->answer->kind, kind) << i;
    EXPECT_EQ(sink->answer->code, code) << i;
    EXPECT_EQ(sink->answer->encoding, "") << i;
  }
}

// Scenario: a message of exactly 4 MiB, and of one byte more.
// Guarantees: GC-02: the limit passes; beyond it the call ends with INTERNAL at once and the stream
// is reset.
TEST_F(ClientConnectionTest, AnswerOverTheLimitIsRefusedGc02) {
  Connect();
  for (const std::size_t extra : {std::size_t{0}, std::size_t{1}}) {
    KeepingSink* const sink = Send();
    PeerStream* stream = Arrived(static_cast<int>(extra));
    ASSERT_NE(stream, nullptr);
    server_->AnswerGrpc(*stream, 0, std::string(kResponseBytesMax + extra, 'x'));
    ASSERT_TRUE(Until([&] { return sink->answer.has_value(); }));
    EXPECT_EQ(sink->answer->kind, Kind::kStatus);
    EXPECT_EQ(sink->answer->code, extra == 0 ? GrpcCode::kOk : GrpcCode::kInternal);
    ASSERT_TRUE(Until([&] { return client_->call_count() == 0; }));
  }
  ASSERT_TRUE(Until([&] { return server_->HasFrame("RST_STREAM 3 8"); }));
}

// Scenario: blocks of 1xx without end, and fields whose values HTTP forbids, pass 64 KiB.
// Guarantees: both count: the call ends, the connection goes on.
TEST_F(ClientConnectionTest, HeadersThatAreNotLookedAtCountToo) {
  Connect();
  for (int i = 0; i < 2; ++i) {
    KeepingSink* const sink = Send();
    PeerStream* stream = Arrived(i);
    ASSERT_NE(stream, nullptr);
    for (int n = 0; n < 6; ++n) {
      const std::string value(12'000, 'v');
      SendBlock(*stream, {{":status", "103"}, {"x", i == 0 ? value : value + '\1'}}, false);
    }
    ASSERT_TRUE(Until([&] { return sink->answer.has_value(); }));
    EXPECT_EQ(sink->answer->kind, Kind::kBroken);
    EXPECT_TRUE(client_->CanSend());
  }
}

// Scenario: headers and trailers of an answer together pass 64 KiB.
// Guarantees: the call ends, the connection goes on.
TEST_F(ClientConnectionTest, AnswerWithTooLargeHeadersEndsTheCallOnly) {
  Connect();
  KeepingSink* const sink = Send();
  PeerStream* stream = Arrived(0);
  ASSERT_NE(stream, nullptr);
  HeaderList headers = kGrpcHeaders;
  HeaderList trailers;
  for (int i = 0; i < 3; ++i) {
    headers.emplace_back("x", std::string(12'000, 'v'));
    trailers.emplace_back("y", std::string(12'000, 'v'));
  }
  server_->Answer(*stream, headers, "x", trailers);
  ASSERT_TRUE(Until([&] { return sink->answer.has_value(); }));
  EXPECT_EQ(sink->answer->kind, Kind::kBroken);
  EXPECT_TRUE(client_->CanSend());
}

}  // namespace
}  // namespace router
