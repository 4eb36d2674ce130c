// What a client may make a server connection hold or do that takes no answer, or sends too much of
// what is not a body.
#include <gtest/gtest.h>

#include <string>

#include "router/base/limits.h"
#include "tests/http2/server_fixture.h"

namespace router {
namespace {

using test::HeaderList;
using test::PeerStream;

class ServerBoundsTest : public ServerConnectionTest {
 protected:
  // A client that opens no window for the answers.
  void ConnectUnwilling() { Connect({.settings = {{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 0}}}); }

  bool UntilLater(milliseconds delay) {
    boost::asio::steady_timer later(loop_.io(), delay);
    bool is_later = false;
    later.async_wait([&](const boost::system::error_code&) { is_later = true; });
    return Until([&] { return is_later; });
  }

  // Fields of `bytes` in all, as they are counted.
  static HeaderList FieldsOf(std::size_t bytes) {
    HeaderList fields;
    for (int i = 0; i < 5; ++i) {
      const std::size_t size = i < 4 ? 13'000 : bytes - 33;
      fields.emplace_back(std::string(1, static_cast<char>('a' + i)), std::string(size, 'v'));
      bytes -= size + 33;
    }
    return fields;
  }
  static std::size_t CountedBytes(const HeaderList& fields) {
    std::size_t bytes = 0;
    for (const auto& [name, value] : fields) bytes += name.size() + value.size() + 32;
    return bytes;
  }
};

// Scenario: a client with a window of 0 is answered in gRPC and in HTTP; the time is 50 ms here.
// Guarantees: the handler is gone as soon as the head of the answer has left; the stream is reset
// when the time is over, not before; the handler hears nothing of it, and the connection goes on.
TEST_F(ServerBoundsTest, AnswerThatIsNotTakenIsReset) {
  options_.answer_timeout = milliseconds(50);
  on_request_end_ = [this](SeenRequest& seen) {
    if (seen_.size() == 1) {
      seen.stream->RespondMessage("pong");
    } else {
      seen.stream->Respond(404, {}, "nothing here");
    }
  };
  ConnectUnwilling();
  for (std::size_t i = 0; i < 2; ++i) {
    PeerStream& call = client_->Request(Export(), "ping");
    ASSERT_TRUE(Until([&] { return !call.headers.empty(); }));
    const TimePoint answered = Clock::now();
    EXPECT_EQ(seen_[i]->stream, nullptr);
    ASSERT_TRUE(Until([&] { return call.is_closed; }));
    EXPECT_GE(Clock::now() - answered, milliseconds(25));
    EXPECT_EQ(call.error, static_cast<std::uint32_t>(NGHTTP2_CANCEL));
    EXPECT_EQ(seen_[i]->resets, 0);
  }
  EXPECT_TRUE(server_->is_open());
}

// Scenario: an answer is taken, and much later, at once, another one.
// Guarantees: neither is reset, though the timer fires in between.
TEST_F(ServerBoundsTest, AnswersThatAreTakenAreNotReset) {
  options_.answer_timeout = milliseconds(20);
  on_request_end_ = [](SeenRequest& seen) { seen.stream->RespondMessage("pong"); };
  Connect();
  for (int i = 0; i < 2; ++i) {
    PeerStream& call = client_->Request(Export(), "ping");
    ASSERT_TRUE(Until([&] { return call.is_closed; }));
    EXPECT_EQ(call.error, 0U);
    EXPECT_EQ(call.body, test::GrpcFrame("pong"));
    ASSERT_TRUE(UntilLater(milliseconds(50)));
  }
}

// Scenario: a client with a window of 0 is answered at its headers and goes on to send 1 MiB.
// Guarantees: it can send no more than the first window.
TEST_F(ServerBoundsTest, NoMoreOfABodyIsTakenAfterTheAnswer) {
  options_.answer_timeout = milliseconds(100);
  on_headers_end_ = [this](SeenRequest& seen) {
    if (seen_.size() == 1) {
      seen.stream->RespondMessage("pong");
    } else {
      seen.stream->Respond(401, {}, "who is it?");
    }
  };
  ConnectUnwilling();
  for (int i = 0; i < 2; ++i) {
    PeerStream& call = client_->Request(Export(), std::string(1 << 20, 'x'), false);
    ASSERT_TRUE(Until([&] { return call.is_closed; }));
    EXPECT_GE(call.out.size(), (std::size_t{1} << 20) - kServerStreamWindowBytes);
  }
}

// Scenario: a drain while a client does not take its answer.
// Guarantees: the connection closes after kLingerMax, not after kWriteStallMax.
TEST_F(ServerBoundsTest, AnswerThatIsNotTakenHoldsUpNoDrain) {
  on_request_end_ = [](SeenRequest& seen) { seen.stream->RespondMessage("pong"); };
  ConnectUnwilling();
  PeerStream& call = client_->Request(Export(), "ping");
  ASSERT_TRUE(Until([&] { return !call.headers.empty(); }));
  server_->AnnounceShutDown();
  server_->ShutDown();
  ASSERT_TRUE(Until([&] { return closed_ == 1; }));
  EXPECT_EQ(close_reason_, "finished");
}

// Scenario: headers and trailers that have just 64 KiB together, then a byte more, also on a stream
// that is answered already.
// Guarantees: the limit itself passes; beyond it the stream is reset, and the connection goes on.
TEST_F(ServerBoundsTest, TrailersCountToTheLimitOfHeaders) {
  const std::size_t room = kHeaderBlockBytesMax - CountedBytes(Export());
  on_request_end_ = [](SeenRequest& seen) { seen.stream->RespondMessage("ok"); };
  Connect();
  for (const std::size_t extra : {std::size_t{0}, std::size_t{1}}) {
    PeerStream& call = client_->Request(Export(), "x", false);
    call.trailers = FieldsOf(room + extra);
    client_->Send(call, "y", true);
    ASSERT_TRUE(Until([&] { return call.is_closed; }));
    EXPECT_EQ(call.error != 0, extra == 1);
    EXPECT_EQ(seen_.back()->resets, extra == 1 ? 1 : 0);
  }
  on_headers_end_ = [](SeenRequest& seen) { seen.stream->Respond(404, {}, ""); };
  PeerStream& call = client_->Request(Export(), "x", false);
  ASSERT_TRUE(Until([&] { return call.is_ended; }));
  call.trailers = FieldsOf(room + 1);
  client_->Send(call, "y", true);
  ASSERT_TRUE(Until([&] { return client_->HasFrame("RST_STREAM 5 2"); }));
  EXPECT_EQ(seen_.back()->resets, 0);
  EXPECT_TRUE(server_->is_open());
}

// Scenario: fields whose values HTTP forbids, of 48 KB and of 80 KB in all.
// Guarantees: the handler sees none of them; they count all the same.
TEST_F(ServerBoundsTest, FieldsThatAreLeftOutCountToo) {
  on_request_end_ = [](SeenRequest& seen) { seen.stream->RespondMessage("ok"); };
  Connect();
  for (const std::size_t count : {std::size_t{3}, std::size_t{5}}) {
    HeaderList headers = Export();
    headers.insert(headers.end(), count, {"x", std::string(16'000, 'v') + '\1'});
    PeerStream& call = client_->Request(headers, "");
    ASSERT_TRUE(Until([&] { return call.is_closed; }));
    EXPECT_EQ(call.error != 0, count == 5);
    EXPECT_EQ(seen_.back()->headers, Export());
  }
}

// Scenario: a header block stops in the middle, once within a frame, once without END_HEADERS; the
// time is 30 ms here. Another goes on in time.
// Guarantees: the first two end their connections; the third is a request.
TEST_F(ServerBoundsTest, HeaderBlockThatDoesNotEndClosesTheConnection) {
  options_.preface_timeout = milliseconds(30);
  const std::string start =
      std::string(NGHTTP2_CLIENT_MAGIC) + std::string("\0\0\0\4\0\0\0\0\0", 9);
  const std::string open_frame = std::string("\0\0\3\1\5\0\0\0\1\x83\x86", 11);
  const std::string open_block = std::string("\0\0\2\1\1\0\0\0\1\x83\x86", 11);
  for (const std::string& bytes : {open_frame, open_block}) {
    closed_ = 0;
    ConnectRaw();
    raw_->write_some(boost::asio::buffer(start + bytes));
    ASSERT_TRUE(Until([&] { return closed_ == 1; }));
    EXPECT_EQ(close_reason_, "a header block did not end in time");
  }
  closed_ = 0;
  ConnectRaw();
  raw_->write_some(boost::asio::buffer(start + open_block));
  ASSERT_TRUE(UntilLater(milliseconds(10)));
  raw_->write_some(boost::asio::buffer(std::string("\0\0\1\x9\4\0\0\0\1\x84", 10)));
  ASSERT_TRUE(UntilLater(milliseconds(60)));
  EXPECT_EQ(closed_, 0);
  EXPECT_EQ(seen_.back()->headers.size(), 3U);
  boost::system::error_code ignored;
  raw_->shutdown(boost::asio::ip::tcp::socket::shutdown_send, ignored);
}

// ---- what HTTP asks of an answer ---------------------------------------------------------------

// Scenario: clients that wait for `100` before they send: at once; after the body was held; when
// the request is answered at its headers; and one that does not wait for it.
// Guarantees: RFC 9110 §10.1.1: `100` when the body may come, and only then.
TEST_F(ServerBoundsTest, ExpectedContinueIsSentWhenTheBodyMayCome) {
  HeaderList headers = Export();
  headers.emplace_back("expect", "100-Continue");
  on_headers_end_ = [this](SeenRequest& seen) {
    if (seen_.size() == 2) seen.stream->HoldBody(true);
    if (seen_.size() == 3) seen.stream->Respond(413, {}, "");
  };
  on_request_end_ = [](SeenRequest& seen) { seen.stream->RespondMessage("ok"); };
  Connect();
  for (std::size_t i = 0; i < 2; ++i) {
    PeerStream& call = client_->Request(headers, "", false);
    if (i == 1) {
      ASSERT_TRUE(UntilLater(milliseconds(20)));
      EXPECT_TRUE(call.headers.empty());
      seen_[1]->stream->HoldBody(false);
    }
    ASSERT_TRUE(Until([&] { return !call.headers.empty(); }));
    EXPECT_EQ(call.headers, (HeaderList{{":status", "100"}}));
    client_->Send(call, "body", true);
    ASSERT_TRUE(Until([&] { return call.is_closed; }));
    EXPECT_EQ(call.body, test::GrpcFrame("ok"));
  }
  PeerStream& refused = client_->Request(headers, "", false);
  ASSERT_TRUE(Until([&] { return refused.is_ended; }));
  EXPECT_EQ(refused.headers[0].second, "413");
  PeerStream& whole = client_->Request(headers, "");
  ASSERT_TRUE(Until([&] { return whole.is_closed; }));
  EXPECT_EQ(whole.headers[0].second, "200");
}

// Scenario: GET and HEAD of the same.
// Guarantees: HEAD has the body's length, and no body.
TEST_F(ServerBoundsTest, HeadIsAnsweredWithTheLengthOnly) {
  on_headers_end_ = [](SeenRequest& seen) { seen.stream->Respond(404, {}, "nothing here"); };
  Connect();
  for (const char* method : {"GET", "HEAD"}) {
    HeaderList headers = Export();
    headers[0].second = method;
    PeerStream& call = client_->Request(headers, "");
    ASSERT_TRUE(Until([&] { return call.is_closed; }));
    const bool is_head = std::string_view(method) == "HEAD";
    EXPECT_EQ(call.body, is_head ? "" : "nothing here");
    EXPECT_EQ(call.Header("content-length"), is_head ? "12" : "");
  }
}

}  // namespace
}  // namespace router
