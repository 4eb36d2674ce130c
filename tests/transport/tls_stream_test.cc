// Bytes over TLS: all of them, in order, whatever the socket and the records do.
#include <gmock/gmock.h>

#include <random>

#include "router/transport/record_gatherer.h"
#include "tests/transport/tls_fixture.h"

namespace router {
namespace {

using testing::HasSubstr;

std::string RandomText(std::size_t size, unsigned seed) {
  std::mt19937 random(seed);
  std::string text(size, '\0');
  for (char& c : text) c = static_cast<char>(random());
  return text;
}

class TlsStreamTest : public TlsTest {
 protected:
  std::shared_ptr<const Body> MakeBody(std::string_view text) {
    auto body = std::make_shared<Body>(account_);
    EXPECT_TRUE(body->Append({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}));
    return body;
  }
};

// Scenario: 8 MiB each way at once through sockets of 8 KiB, a small frame in front of each.
// Guarantees: every byte, in order; the bodies are released; neither waits for ever.
TEST_F(TlsStreamTest, LargeBodiesBothWaysThroughSmallSockets) {
  Connect(Serving(), Trusting(), kName, 8192);
  const std::string left = RandomText(8 << 20, 1);
  const std::string right = RandomText(8 << 20, 2);
  client_->Send("head");
  client_->SendBody(MakeBody(left));
  server_->Send("HEAD");
  server_->SendBody(MakeBody(right));
  ASSERT_TRUE(Until([&] {
    return server_->received.size() == left.size() + 4 &&
           client_->received.size() == right.size() + 4;
  }));
  EXPECT_TRUE(server_->received == "head" + left);
  EXPECT_TRUE(client_->received == "HEAD" + right);
  EXPECT_TRUE(Until([&] { return client_->written > 0 && server_->written > 0; }));
}

// Scenario: 1 MiB through sockets of the usual size.
// Guarantees: a read takes many records, it does not take one system call each.
TEST_F(TlsStreamTest, OneReadTakesManyRecords) {
  Connect(Serving(), Trusting());
  const std::string text = RandomText(1 << 20, 3);
  client_->SendBody(MakeBody(text));
  ASSERT_TRUE(Until([&] { return server_->received.size() == text.size(); }));
  EXPECT_TRUE(server_->received == text);
  EXPECT_LT(server_->reads, 40U) << "64 records";
}

// Scenario: the peer's ciphertext arrives byte by byte.
// Guarantees: nothing is lost, and nothing is given before its record is whole.
TEST_F(TlsStreamTest, CiphertextInSinglePieces) {
  TlsSession client(Client(Trusting()), kName);
  TlsSession server(Server(Serving()), "");
  std::vector<std::uint8_t> plain(64 * 1024);
  std::string received;
  const auto pass = [&](TlsSession& from, TlsSession& to) {
    const std::vector<std::uint8_t> bytes(from.unsent().begin(), from.unsent().end());
    from.MarkSent(bytes.size());
    for (const std::uint8_t& byte : bytes) {
      std::size_t size = 0;
      ASSERT_TRUE(to.Receive({&byte, 1}, plain, &size)) << to.error().text;
      received.append(plain.begin(), plain.begin() + static_cast<std::ptrdiff_t>(size));
      if (&byte != &bytes.back()) {
        EXPECT_EQ(received, "");
      }
    }
  };
  ASSERT_TRUE(client.Begin());
  for (int i = 0; i < 4; ++i) {
    pass(client, server);
    pass(server, client);
  }
  ASSERT_TRUE(client.is_established());
  ASSERT_TRUE(server.is_established());
  EXPECT_EQ(server.protocol(), "h2");
  const std::string text = RandomText(TlsSession::kRecordBytesMax, 4);
  ASSERT_TRUE(client.Encrypt({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}));
  pass(client, server);
  EXPECT_TRUE(received == text);
  EXPECT_FALSE(server.NoteEnd());
}

// Scenario: a record is cut off by the end of the connection; one that ends between records
// without a word; one with close_notify.
// Guarantees: only the first is an error, as in Go.
TEST_F(TlsStreamTest, TheEndOfAStream) {
  for (const int cut : {0, 1, 2}) {
    auto [left, right] = test::ConnectedSockets(loop_);
    server_ = PlainChannel::Start(loop_,
                                  Transport(std::move(right), TlsAccept{Server(Serving()), gate_}));
    TlsSession client(Client(Trusting()), kName);
    const auto raw = PlainChannel::Start(loop_, Transport(std::move(left)));
    const auto flush = [&](std::size_t less) {
      const std::span<const std::uint8_t> unsent = client.unsent();
      raw->Send({reinterpret_cast<const char*>(unsent.data()), unsent.size() - less});
      client.MarkSent(unsent.size());
    };
    ASSERT_TRUE(client.Begin());
    flush(0);
    std::vector<std::uint8_t> plain(128 * 1024);
    ASSERT_TRUE(Until([&] {
      const std::string bytes = std::exchange(raw->received, "");
      std::size_t size = 0;
      EXPECT_TRUE(client.Receive(
          {reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()}, plain, &size));
      return client.is_established();
    }));
    ASSERT_TRUE(client.Encrypt(std::span(plain).first(1000)));
    if (cut == 2) client.End();
    flush(cut == 0 ? 1 : 0);
    ASSERT_TRUE(Until([&] { return server_->is_established() && raw->written > 0; }));
    raw->Close("cut");
    ASSERT_TRUE(Until([&] { return server_->end.has_value(); }));
    EXPECT_EQ(*server_->end,
              cut == 0 ? "TLS: cut off in the middle of a record" : "closed by peer");
  }
}

// Scenario: a byte of the ciphertext is changed on the way.
// Guarantees: the connection ends; nothing of that record is heard.
TEST_F(TlsStreamTest, ChangedBytesAreNotHeard) {
  TlsSession client(Client(Trusting()), kName);
  TlsSession server(Server(Serving()), "");
  std::vector<std::uint8_t> plain(64 * 1024);
  std::size_t size = 0;
  ASSERT_TRUE(client.Begin());
  for (int i = 0; i < 4; ++i) {
    TlsSession& from = i % 2 == 0 ? client : server;
    TlsSession& to = i % 2 == 0 ? server : client;
    const std::vector<std::uint8_t> bytes(from.unsent().begin(), from.unsent().end());
    from.MarkSent(bytes.size());
    ASSERT_TRUE(to.Receive(bytes, plain, &size));
  }
  const std::string text = "spans";
  ASSERT_TRUE(client.Encrypt({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}));
  std::vector<std::uint8_t> bytes(client.unsent().begin(), client.unsent().end());
  bytes.back() ^= 1;
  EXPECT_FALSE(server.Receive(bytes, plain, &size));
  EXPECT_EQ(size, 0U);
  EXPECT_EQ(server.error().fault, TlsFault::kBroken);
}

// Scenario: segments of seeded sizes, empty ones among them, gathered into records.
// Guarantees: the same bytes in the same order; every record is full but the last; what lies in one
// place is not copied.
TEST(RecordGathererTest, RecordsAreFullAndLargeSegmentsStay) {
  std::mt19937 random(7);
  std::vector<std::string> pieces;
  for (int i = 0; i < 60; ++i) pieces.push_back(RandomText(i % 5 == 0 ? 0 : random() % 900, 8));
  pieces.push_back(RandomText(5000, 9));
  std::vector<iovec> segments;
  std::string expected;
  for (std::string& piece : pieces) {
    segments.push_back({piece.data(), piece.size()});
    expected += piece;
  }
  RecordGatherer gatherer(segments);
  EXPECT_EQ(gatherer.bytes_left(), expected.size());
  std::vector<std::uint8_t> scratch(1000);
  std::string got;
  std::size_t in_place = 0;
  while (!gatherer.is_empty()) {
    const auto record = gatherer.Next(scratch);
    in_place += record.data() != scratch.data() ? 1 : 0;
    if (!gatherer.is_empty()) {
      EXPECT_EQ(record.size(), scratch.size());
    }
    got.append(reinterpret_cast<const char*>(record.data()), record.size());
  }
  EXPECT_TRUE(got == expected);
  EXPECT_GE(in_place, 4U);
  EXPECT_EQ(gatherer.bytes_left(), 0U);
}

}  // namespace
}  // namespace router
