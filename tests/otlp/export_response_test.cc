#include "router/otlp/export_response.h"

#include <google/protobuf/stubs/logging.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <string>

#include "opentelemetry/proto/collector/trace/v1/trace_service.pb.h"
#include "router/otlp/ascii_text.h"

namespace router {
namespace {

using Response = opentelemetry::proto::collector::trace::v1::ExportTraceServiceResponse;

ExportResponse Parse(const std::string& bytes) {
  return ParseExportResponse({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()});
}

std::string ResponseOf(std::int64_t rejected, const std::string& message) {
  Response response;
  response.mutable_partial_success()->set_rejected_spans(rejected);
  response.mutable_partial_success()->set_error_message(message);
  return response.SerializeAsString();
}

// Scenario: no bytes; an unknown field; partial_success set but empty.
// Guarantees: GS-05, GS-07: all three are full success.
TEST(ExportResponseTest, Gs07NothingToSayIsFullSuccess) {
  for (const std::string& bytes : {std::string(), std::string("\x10\x01"), ResponseOf(0, "")}) {
    EXPECT_EQ(Parse(bytes).outcome, ExportOutcome::kFullSuccess);
  }
}

// Scenario: rejected spans with a message, without one, and a warning.
// Guarantees: GS-08, GS-10: each is partial and its content is kept.
TEST(ExportResponseTest, Gs08Gs10RejectionsAndWarningsArePartial) {
  const PartialSuccess cases[] = {{7, "too old"}, {7, ""}, {0, "deprecated"}};
  for (const PartialSuccess& partial : cases) {
    const ExportResponse response = Parse(ResponseOf(partial.rejected_spans, partial.message));
    EXPECT_EQ(response.outcome, ExportOutcome::kPartial);
    EXPECT_EQ(response.partial, partial);
  }
}

// Scenario: rejected_spans of −1 and of the lowest value, with and without a message.
// Guarantees: a negative count is 0, so without a message it is full success.
TEST(ExportResponseTest, NegativeCountIsZero) {
  for (const std::int64_t count : {std::int64_t{-1}, std::numeric_limits<std::int64_t>::min()}) {
    EXPECT_EQ(Parse(ResponseOf(count, "")).outcome, ExportOutcome::kFullSuccess);
    EXPECT_EQ(Parse(ResponseOf(count, "w")).partial, (PartialSuccess{0, "w"}));
  }
}

// Scenario: a rejection and a warning in Latin-1, as a backend may take them from a client.
// Guarantees: GS-08, GS-10: Protobuf in C++ reads no such string; the count is kept all the same,
// and the message as far as it is ASCII.
TEST(ExportResponseTest, Gs08MessageThatIsNotUtf8CostsNothingElse) {
  for (const std::int64_t rejected : {5, 0}) {
    const ExportResponse response = Parse(ResponseOf(rejected, "caf\xE9 is closed"));
    EXPECT_EQ(response.outcome, ExportOutcome::kPartial);
    EXPECT_EQ(response.partial, (PartialSuccess{rejected, "caf? is closed"}));
  }
  EXPECT_EQ(Parse("\x0A\x03\x12\x01\xFF").partial, (PartialSuccess{0, "?"}));
}

// Scenario: truncated bytes, text, a count of the wrong wire type that is cut.
// Guarantees: malformed is told apart from success.
TEST(ExportResponseTest, GarbageIsMalformed) {
  google::protobuf::LogSilencer silence;
  for (const std::string bytes : {"\x0A\x05", "<html>", "\x0A\x02\x09\x01"}) {
    EXPECT_EQ(Parse(bytes).outcome, ExportOutcome::kMalformed);
    EXPECT_TRUE(Parse(bytes).partial.IsFullSuccess());
  }
}

// Scenario: full success, a partial one, a warning and a rejection without a reason are written.
// Guarantees: GS-07: full success is 0 bytes. GS-09: the message is never empty. Protobuf reads
// the same back.
TEST(ExportResponseTest, Gs07Gs09WhatIsWrittenCanBeRead) {
  EXPECT_EQ(SerializeExportResponse({}), "");
  for (const PartialSuccess& partial : {PartialSuccess{3, "why"}, PartialSuccess{0, "warning"}}) {
    EXPECT_EQ(SerializeExportResponse(partial),
              ResponseOf(partial.rejected_spans, partial.message));
  }
  Response response;
  ASSERT_TRUE(response.ParseFromString(SerializeExportResponse({5, ""})));
  EXPECT_EQ(response.partial_success().rejected_spans(), 5);
  EXPECT_FALSE(response.partial_success().error_message().empty());
}

// Scenario: a message with control characters, colour codes, umlauts and emoji, and a megabyte of
// text.
// Guarantees: GS-09: what is kept is printable ASCII of at most 1 KiB.
TEST(ExportResponseTest, Gs09MessagesAreShortAscii) {
  const std::string message =
      Parse(ResponseOf(1, "a\r\n\x1B[31m\x7Fm\xC3\xBC\xF0\x9F\x98\x80!")).partial.message;
  EXPECT_EQ(message,
            "a   [31m m?"
            "?!");
  const std::string cut = Parse(ResponseOf(1, std::string(1 << 20, 'x'))).partial.message;
  EXPECT_EQ(cut.size(), kPartialMessageBytesMax);
  EXPECT_TRUE(cut.ends_with("x..."));
}

// Scenario: texts of the limit's length and one more.
// Guarantees: only the longer one is cut.
TEST(AsciiTextTest, CutsAboveTheLimitOnly) {
  EXPECT_EQ(AsciiSafe("12345", 5), "12345");
  EXPECT_EQ(AsciiSafe("123456", 5), "12...");
  EXPECT_EQ(AsciiSafe("1234\xC3\xA9", 5), "1234?");
  EXPECT_EQ(AsciiSafe("", 5), "");
}

// Scenario: answers of four backends, two with the same message, one warning, one without a
// message.
// Guarantees: counts are summed, each message appears once.
TEST(ExportResponseTest, JoinedAnswersSumCountsAndKeepEachMessageOnce) {
  PartialSuccess joined;
  for (const PartialSuccess& one :
       {PartialSuccess{2, "late"}, {3, "too late"}, {4, "late"}, {0, "late; warning"}, {1, ""}}) {
    AddPartialSuccess(joined, one);
  }
  EXPECT_EQ(joined, (PartialSuccess{10, "late; too late; late; warning"}));
}

// Scenario: counts whose sum is beyond 64 bits, and negative ones.
// Guarantees: the sum stays at the greatest count and never shrinks.
TEST(ExportResponseTest, JoinedCountsSaturate) {
  PartialSuccess joined{std::numeric_limits<std::int64_t>::max() - 1, ""};
  AddPartialSuccess(joined, {5, ""});
  AddPartialSuccess(joined, {-5, ""});
  EXPECT_EQ(joined.rejected_spans, std::numeric_limits<std::int64_t>::max());
}

// Scenario: 200 backends, each with a different message of 100 KiB.
// Guarantees: GS-11, verdict table: the joined message stays within 4 KiB and says that there is
// more.
TEST(ExportResponseTest, Gs11JoinedMessagesAreBounded) {
  PartialSuccess joined;
  for (int i = 0; i < 200; ++i) {
    AddPartialSuccess(joined, {1, std::to_string(i) + std::string(100 * 1024, 'x')});
  }
  EXPECT_EQ(joined.rejected_spans, 200);
  EXPECT_LE(joined.message.size(), kJoinedMessageBytesMax);
  EXPECT_GE(joined.message.size(), kJoinedMessageBytesMax / 2);
  EXPECT_TRUE(joined.message.ends_with("; ..."));
  EXPECT_LE(SerializeExportResponse(joined).size(), kJoinedMessageBytesMax + 32);
}

}  // namespace
}  // namespace router
