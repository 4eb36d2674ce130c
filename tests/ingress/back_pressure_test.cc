// Uploads at the limit of the memory budget: they stop being read, and go on or are refused.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/ingress/http_fixture.h"

namespace router::test {
namespace {

constexpr std::size_t kMiB = std::size_t{1} << 20;

class BackPressureTest : public HttpIngressTest {
 protected:
  static constexpr std::size_t kLimit = 32 * kMiB;

  void SetUpLimited() {
    SetUpHttp(1);
    budget_.SetLimit(kLimit);
  }
  // The beginning of an upload.
  std::int32_t Begin(Http2Client& client, std::string_view bytes, const Headers& more = {}) {
    const std::int32_t id = client.Open(RequestHeaders(kExportPath, more));
    client.Write(id, bytes.substr(0, 1000));
    const std::uint64_t received = ledger_.requests.received.Value();
    EXPECT_TRUE(PumpUntil([&] { return ledger_.requests.received.Value() > received; }));
    PumpTurns(20);
    return id;
  }
  void GoOn(Http2Client& client, std::int32_t id, std::string_view bytes) {
    client.Write(id, bytes.substr(1000));
  }
  // Two uploads are in progress when the budget becomes nearly full: one goes on and is all here,
  // but for its end; the other waits.
  void SetUpTwo() {
    SetUpLimited();
    upload_ = Framed(RequestOf({IdOf(0)}, std::string(3 * kMiB, 'r')));
    first_ = Begin(NewClient(), upload_);
    second_ = Begin(NewClient(), upload_);
    TakeMemory();
    GoOn(*clients_[0], first_, upload_);
    ASSERT_TRUE(PumpUntil([&] { return Unsent(*clients_[0], first_) == 0; }));
    GoOn(*clients_[1], second_, upload_);
  }
  const Http2Client::Call& first() const { return clients_[0]->call(first_); }
  const Http2Client::Call& second() const { return clients_[1]->call(second_); }
  // Until nothing changes any more.
  void Settle() { PumpTurns(400); }
  std::size_t Unsent(const Http2Client& client, std::int32_t id) {
    return client.call(id).out.size();
  }
  void TakeMemory() {
    taken_ = kLimit - kLimit / 4;
    ASSERT_TRUE(budget_.TryTake(taken_));
  }
  void FreeMemory() { budget_.Give(std::exchange(taken_, 0)); }

  std::size_t taken_ = 0;
  std::string upload_;
  std::int32_t first_ = 0;
  std::int32_t second_ = 0;
};

// Scenario: two uploads are in progress when the budget becomes nearly full, each on a connection
// of its own. Later memory comes free.
// Guarantees: one goes on; the other's window is not given back, so that its client keeps the
// bytes; afterwards it goes on, and both are delivered whole. FM-28.
TEST_F(BackPressureTest, AnUploadStopsBeingReadAndGoesOn) {
  SetUpTwo();
  Settle();
  EXPECT_GT(Unsent(*clients_[1], second_), 2 * kMiB) << "no more than its window";
  EXPECT_FALSE(second().is_ended);
  EXPECT_EQ(ledger_.held_uploads.Value(), 1u);
  FreeMemory();
  ASSERT_TRUE(PumpUntil([&] { return Unsent(*clients_[1], second_) == 0; }));
  clients_[0]->End(first_);
  clients_[1]->End(second_);
  ASSERT_TRUE(PumpUntil([&] { return first().is_closed && second().is_closed; }));
  EXPECT_EQ(StatusOf(first()), "0");
  EXPECT_EQ(StatusOf(second()), "0");
  ASSERT_EQ(backends_[0]->requests().size(), 2u);
  for (const auto& request : backends_[0]->requests()) {
    EXPECT_EQ(Framed(request.message), upload_) << "byte for byte";
  }
}

// Scenario: an upload waits; another request, small, comes on the same connection, and one on a
// new connection.
// Guarantees: GS-15: both are refused at once with RetryInfo, before the body; the one that waits
// blocks neither.
TEST_F(BackPressureTest, NewRequestsAreRefusedAtOnceMeanwhile) {
  SetUpTwo();
  Settle();
  for (Http2Client* client : {clients_[1].get(), &NewClient()}) {
    PumpTurns(20);  // a new connection is there first
    const TimePoint begin = Clock::now();
    const std::int32_t small = client->Open(RequestHeaders(kExportPath));
    ASSERT_TRUE(PumpUntil([&] { return client->call(small).is_ended; }));
    EXPECT_LE(Clock::now() - begin, milliseconds(200)) << "10 ms on a quiet machine";
    EXPECT_EQ(StatusOf(client->call(small)), "14");
    EXPECT_TRUE(RetryOf(client->call(small)).has_value());
  }
  EXPECT_FALSE(second().is_ended);
  FreeMemory();
  clients_[0]->Reset(first_);
  clients_[1]->Reset(second_);
  Settle();
}

// Scenario: more half-received uploads than memory, and nobody else ever gives any back.
// Guarantees: no deadlock: each is delivered or refused with RetryInfo, in time; what the refused
// ones held lets others finish; nothing stays charged.
TEST_F(BackPressureTest, UploadsThatFillTheMemoryAloneEndAll) {
  SetUpLimited();
  budget_.SetLimit(8 * kMiB);
  const std::string upload = Framed(RequestOf({IdOf(0)}, std::string(3 * kMiB, 'r')));
  std::vector<std::pair<Http2Client*, std::int32_t>> calls;
  for (int i = 0; i < 12; ++i) {
    Http2Client& client = NewClient();
    calls.emplace_back(&client, client.Open(RequestHeaders(kExportPath, {{"grpc-timeout", "8S"}})));
    client.Write(calls.back().second, std::string_view(upload).substr(0, 200'000));
  }
  Settle();
  for (const auto& [client, id] : calls) {
    if (client->call(id).is_ended) continue;
    client->Write(id, std::string_view(upload).substr(200'000));
    client->End(id);
  }
  ASSERT_TRUE(PumpUntil([&] {
    return std::all_of(calls.begin(), calls.end(),
                       [](const auto& call) { return call.first->call(call.second).is_ended; });
  }));
  std::size_t delivered = 0;
  for (const auto& [client, id] : calls) {
    const std::string status = StatusOf(client->call(id));
    delivered += status == "0";
    EXPECT_TRUE(status == "0" || status == "14") << status;
    EXPECT_TRUE(status == "0" || RetryOf(client->call(id)).has_value());
  }
  EXPECT_GE(delivered, 1u);
  EXPECT_EQ(backends_[0]->requests().size(), delivered);
  EXPECT_GT(ledger_.held_uploads.Value(), 0u);
  EXPECT_EQ(forwarder_->uploads().waiting_count(), 0u);
}

// Scenario: an upload with a second to live waits behind three others, and nothing comes free.
// Guarantees: it is refused with RetryInfo when half of its time is up, before a turn of a quarter
// of a second for each of the others has passed, not at the deadline.
TEST_F(BackPressureTest, WaitingInVainEndsWithTimeToComeBack) {
  SetUpLimited();
  upload_ = Framed(RequestOf({IdOf(0)}, std::string(kMiB, 'r')));
  std::vector<std::int32_t> ids;
  for (int i = 0; i < 4; ++i) ids.push_back(Begin(NewClient(), upload_));
  ids.push_back(Begin(NewClient(), upload_, {{"grpc-timeout", "1000m"}}));
  TakeMemory();
  for (std::size_t i = 0; i < ids.size(); ++i) {
    clients_[i]->Write(ids[i], std::string_view(upload_).substr(1000, 1000));
    ASSERT_TRUE(PumpUntil([&] { return ledger_.held_uploads.Value() == i; }));
  }
  const Http2Client::Call& last = clients_[4]->call(ids[4]);
  ASSERT_TRUE(PumpUntil([&] { return last.is_ended; }));
  EXPECT_EQ(StatusOf(last), "14");
  EXPECT_TRUE(RetryOf(last).has_value());
  EXPECT_EQ(RefusedFor(ledger_.requests, RefuseReason::kOverload), 1u);
  FreeMemory();
  for (std::size_t i = 0; i < 4; ++i) clients_[i]->Reset(ids[i]);
  Settle();
}

// Scenario: an upload over HTTP/1.1 is in progress when the budget becomes nearly full; later
// memory comes free.
// Guarantees: the socket is not read meanwhile; then it goes on and is delivered whole.
TEST_F(BackPressureTest, AnUploadOverHttp1Waits) {
  SetUpTwo();
  ASSERT_TRUE(PumpUntil([&] { return ledger_.held_uploads.Value() == 1; }));
  budget_.SetLimit(2 * kLimit);  // for a moment, so that it is let in
  const std::string message = RequestOf({IdOf(0)}, std::string(3 * kMiB, 'h'));
  Http1Client& client = NewHttpClient();
  client.Send(
      "POST /v1/traces HTTP/1.1\r\nhost: a\r\ncontent-type: application/x-protobuf\r\n"
      "content-length: " +
      std::to_string(message.size()) + "\r\n\r\n" + message.substr(0, 1000));
  ASSERT_TRUE(PumpHttpUntil([&] { return ledger_.http_requests.Value() == 1; }));
  PumpHttpTurns(20);
  budget_.SetLimit(kLimit);
  const std::uint64_t held = ledger_.held_uploads.Value();
  client.Send(message.substr(1000));
  ASSERT_TRUE(PumpHttpUntil([&] { return ledger_.held_uploads.Value() > held; }));
  PumpHttpTurns(100);
  EXPECT_TRUE(client.answers().empty());
  FreeMemory();
  ASSERT_TRUE(PumpHttpUntil([&] { return !client.answers().empty(); }));
  EXPECT_EQ(client.answers()[0].status, 200);
  ASSERT_EQ(backends_[0]->requests().size(), 1u);
  EXPECT_EQ(backends_[0]->requests()[0].message, message);
  clients_[0]->Reset(first_);
  clients_[1]->Reset(second_);
  PumpHttpTurns(100);
}

}  // namespace
}  // namespace router::test
