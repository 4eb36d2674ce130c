#include "router/otlp/status_details.h"

#include <google/protobuf/stubs/logging.h>
#include <gtest/gtest.h>

#include <chrono>
#include <optional>
#include <random>
#include <string>

#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "router/otlp/base64.h"

namespace router {
namespace {

using std::chrono::milliseconds;
using namespace std::chrono_literals;  // NOLINT

google::rpc::RetryInfo RetryAfter(std::int64_t seconds, std::int32_t nanos) {
  google::rpc::RetryInfo info;
  info.mutable_retry_delay()->set_seconds(seconds);
  info.mutable_retry_delay()->set_nanos(nanos);
  return info;
}

template <typename... Details>
std::string StatusWith(const Details&... details) {
  google::rpc::Status status;
  status.set_code(8);
  status.set_message("busy");
  (status.add_details()->PackFrom(details), ...);
  return status.SerializeAsString();
}

std::optional<milliseconds> DelayOf(std::int64_t seconds, std::int32_t nanos) {
  return RetryDelayFromDetails(EncodeBase64(StatusWith(RetryAfter(seconds, nanos))));
}

// Scenario: delays of whole seconds, of parts of a millisecond, zero, above an hour and absurd.
// Guarantees: GC-10, GC-12: rounded up to a millisecond, never below what was asked but for the
// cap of an hour.
TEST(StatusDetailsTest, Gc12DelayIsReadAndCapped) {
  EXPECT_EQ(DelayOf(2, 0), 2000ms);
  EXPECT_EQ(DelayOf(0, 1'500'000), 2ms);
  EXPECT_EQ(DelayOf(0, 1), 1ms);
  EXPECT_EQ(DelayOf(0, 0), 0ms);
  EXPECT_EQ(DelayOf(3600, 0), kRetryDelayMax);
  EXPECT_EQ(DelayOf(3600, 1), kRetryDelayMax);
  EXPECT_EQ(DelayOf(std::int64_t{1} << 62, 0), kRetryDelayMax);
}

// Scenario: a RetryInfo without retry_delay; negative seconds, negative nanos, nanos of a whole
// second.
// Guarantees: GC-10: the first is 0 ms; the others count as absent.
TEST(StatusDetailsTest, Gc10AbsentAndNegativeDelays) {
  EXPECT_EQ(RetryDelayFromDetails(EncodeBase64(StatusWith(google::rpc::RetryInfo()))), 0ms);
  EXPECT_EQ(DelayOf(-1, 0), std::nullopt);
  EXPECT_EQ(DelayOf(0, -1), std::nullopt);
  EXPECT_EQ(DelayOf(1, 1'000'000'000), std::nullopt);
}

// Scenario: no details; only another detail; another one before RetryInfo.
// Guarantees: GC-10: RetryInfo is found among others and not made up.
TEST(StatusDetailsTest, Gc10RetryInfoIsFoundAmongOthers) {
  google::rpc::BadRequest other;
  other.add_field_violations()->set_field("f");
  EXPECT_EQ(RetryDelayFromDetails(EncodeBase64(StatusWith())), std::nullopt);
  EXPECT_EQ(RetryDelayFromDetails(EncodeBase64(StatusWith(other))), std::nullopt);
  EXPECT_EQ(RetryDelayFromDetails(EncodeBase64(StatusWith(other, RetryAfter(3, 0)))), 3s);
}

// Scenario: a Status whose message is not UTF-8, with a RetryInfo.
// Guarantees: GC-10: the delay is read.
TEST(StatusDetailsTest, Gc10MessageThatIsNotUtf8HidesNoDelay) {
  google::rpc::Status status;
  status.set_code(8);
  status.set_message("caf\xE9 is full");
  status.add_details()->PackFrom(RetryAfter(4, 0));
  EXPECT_EQ(RetryDelayFromDetails(EncodeBase64(status.SerializeAsString())), 4s);
}

// Scenario: the same value padded, unpadded, joined with a second one, with spaces round it.
// Guarantees: P-06: all are read; of joined values the first counts.
TEST(StatusDetailsTest, P06PaddedUnpaddedAndJoined) {
  for (int length = 0; length < 3; ++length) {  // all three remainders of the length by 3
    google::rpc::Status status;
    status.set_message(std::string(static_cast<std::size_t>(length), 'm'));
    status.add_details()->PackFrom(RetryAfter(2, 0));
    const std::string unpadded = EncodeBase64(status.SerializeAsString());
    std::string padded = unpadded;
    while (padded.size() % 4 != 0) padded += '=';
    const std::string second = EncodeBase64(StatusWith(RetryAfter(9, 0)));
    EXPECT_EQ(RetryDelayFromDetails(unpadded), 2s);
    EXPECT_EQ(RetryDelayFromDetails(padded), 2s);
    EXPECT_EQ(RetryDelayFromDetails(padded + "," + second), 2s);
    EXPECT_EQ(RetryDelayFromDetails(" " + unpadded + " , " + second), 2s);
    EXPECT_EQ(RetryDelayFromDetails("," + unpadded), std::nullopt);
  }
}

// Scenario: bad base64, bad Status, an Any of the right name with bad content, an Any of a wrong
// name, empty.
// Guarantees: GC-13: each counts as absent.
TEST(StatusDetailsTest, Gc13MalformedIsAbsent) {
  google::rpc::Status bad_any;
  bad_any.add_details()->set_type_url("type.googleapis.com/google.rpc.RetryInfo");
  bad_any.mutable_details(0)->set_value("\xFF");
  google::rpc::Status wrong_name;
  wrong_name.add_details()->PackFrom(RetryAfter(1, 0));
  wrong_name.mutable_details(0)->set_type_url("google.rpc.RetryInfo");
  for (const std::string& text :
       {std::string(), std::string("%%%"), std::string("A"), std::string("=AAA"),
        std::string("AA=A"), std::string("////"), EncodeBase64(bad_any.SerializeAsString()),
        EncodeBase64(wrong_name.SerializeAsString())}) {
    EXPECT_EQ(RetryDelayFromDetails(text), std::nullopt) << text;
  }
}

// Scenario: a good value of just 64 KiB, one of more, and a megabyte.
// Guarantees: GC-13: what is too long is not even decoded.
TEST(StatusDetailsTest, Gc13LengthLimitAndOneMore) {
  google::rpc::Status status;
  status.add_details()->PackFrom(RetryAfter(1, 0));
  const std::size_t overhead = status.ByteSizeLong() + 4;
  status.set_message(std::string(kStatusDetailsBytesMax / 4 * 3 - overhead, 'm'));
  const std::string at_limit = EncodeBase64(status.SerializeAsString());
  ASSERT_EQ(at_limit.size(), kStatusDetailsBytesMax);
  EXPECT_EQ(RetryDelayFromDetails(at_limit), 1s);
  EXPECT_EQ(RetryDelayFromDetails(at_limit + " "), std::nullopt);
  EXPECT_EQ(RetryDelayFromDetails(std::string(1 << 20, 'A')), std::nullopt);
}

// Scenario: 20,000 good trailers with bytes changed before or after the base64 encoding.
// Guarantees: GC-13: nothing crashes, and a delay that is read lies between zero and the cap.
TEST(StatusDetailsTest, Gc13FuzzedTrailersNeverCrash) {
  google::protobuf::LogSilencer silence;
  std::mt19937 random(11);
  int read = 0;
  for (int round = 0; round < 20'000; ++round) {
    std::string bytes = StatusWith(RetryAfter(random() % 100, 0));
    const auto damage = [&random](std::string& text) {
      for (auto n = random() % 3; n > 0; --n)
        text[random() % text.size()] = static_cast<char>(random());
    };
    damage(bytes);
    std::string text = EncodeBase64(bytes);
    damage(text);
    const std::optional<milliseconds> delay = RetryDelayFromDetails(text);
    if (!delay) continue;
    ++read;
    ASSERT_GE(*delay, 0ms);
    ASSERT_LE(*delay, kRetryDelayMax);
  }
  EXPECT_GT(read, 1000);
}

// Scenario: details for UNAVAILABLE with 1.5 s, read back by Protobuf and by our own reader; a
// negative delay; a message that is not ASCII.
// Guarantees: GS-12: the answer carries code, message and RetryInfo, in unpadded base64.
TEST(StatusDetailsTest, Gs12WhatIsWrittenCanBeRead) {
  const std::string text = DetailsWithRetryDelay(GrpcCode::kUnavailable, "full\xC3\xA9\n", 1500ms);
  EXPECT_EQ(text.find('='), std::string::npos);
  EXPECT_EQ(RetryDelayFromDetails(text), 1500ms);
  google::rpc::Status status;
  ASSERT_TRUE(status.ParseFromString(DecodeBase64(text).value()));
  EXPECT_EQ(status.code(), 14);
  EXPECT_EQ(status.message(), "full? ");
  EXPECT_EQ(status.details(0).type_url(), "type.googleapis.com/google.rpc.RetryInfo");
  EXPECT_EQ(RetryDelayFromDetails(DetailsWithRetryDelay(GrpcCode::kUnavailable, "", -5ms)), 0ms);
}

// Scenario: the examples of RFC 4648, and random bytes of every length up to 100.
// Guarantees: encoding follows the RFC without its padding, and decoding undoes it.
TEST(Base64Test, FollowsTheRfc) {
  const std::pair<std::string, std::string> examples[] = {
      {"", ""},           {"f", "Zg"},          {"fo", "Zm8"},         {"foo", "Zm9v"},
      {"foob", "Zm9vYg"}, {"fooba", "Zm9vYmE"}, {"foobar", "Zm9vYmFy"}};
  for (const auto& [bytes, text] : examples) {
    EXPECT_EQ(EncodeBase64(bytes), text);
    EXPECT_EQ(DecodeBase64(text), bytes);
  }
  std::mt19937 random(5);
  for (std::size_t size = 0; size <= 100; ++size) {
    std::string bytes(size, '\0');
    for (char& byte : bytes) byte = static_cast<char>(random());
    EXPECT_EQ(DecodeBase64(EncodeBase64(bytes)), bytes);
  }
}

// Scenario: characters outside the alphabet, padding in wrong places and numbers.
// Guarantees: each is refused.
TEST(Base64Test, RefusesWhatIsNoBase64) {
  for (const char* text :
       {"Z", "Zg=", "Zg===", "Z===", "====", "Zm9v=", "Zg==Zg==", "Zm-v", "Zm_v", "Zm9v\n"}) {
    EXPECT_EQ(DecodeBase64(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace router
