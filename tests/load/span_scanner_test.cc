#include "bench/load/span_scanner.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "bench/load/request_encoder.h"
#include "opentelemetry/proto/collector/trace/v1/trace_service.pb.h"

namespace bench {
namespace {

using opentelemetry::proto::collector::trace::v1::ExportTraceServiceRequest;
using Seen = std::vector<std::pair<std::string, std::string>>;

class Collecting : public SpanObserver {
 public:
  void OnSpan(const TraceId& trace_id, const SpanId& span_id) override {
    seen.emplace_back(std::string(trace_id.begin(), trace_id.end()),
                      std::string(span_id.begin(), span_id.end()));
  }
  Seen seen;
};

std::vector<std::uint8_t> SomeRequest(std::uint32_t spans, std::uint32_t resources) {
  RequestEncoder encoder(3);
  TraceMix mix({.seed = 4, .first_trace_number = 0, .active_traces = 5, .mean_spans_per_trace = 3});
  std::vector<std::uint8_t> body;
  encoder.Encode(spans, resources, mix, body);
  return body;
}

Seen ByProtobuf(const std::vector<std::uint8_t>& body) {
  ExportTraceServiceRequest request;
  EXPECT_TRUE(request.ParseFromArray(body.data(), static_cast<int>(body.size())));
  Seen seen;
  for (const auto& resource_spans : request.resource_spans()) {
    for (const auto& scope_spans : resource_spans.scope_spans()) {
      for (const auto& span : scope_spans.spans()) {
        seen.emplace_back(span.trace_id(), span.span_id());
      }
    }
  }
  return seen;
}

bool Scan(const std::vector<std::uint8_t>& body, std::size_t piece, bool read_ids, Seen& seen) {
  SpanScanner scanner(read_ids);
  Collecting collecting;
  std::span<const std::uint8_t> rest = body;
  while (!rest.empty()) {
    const std::size_t take = std::min(piece, rest.size());
    if (!scanner.Feed(rest.first(take), collecting)) return false;
    rest = rest.subspan(take);
  }
  seen = collecting.seen;
  return scanner.AtEnd();
}

// Scenario: an encoded request is fed in pieces of every size from one byte up.
// Guarantees: Protobuf and the scanner see the same spans with the same IDs.
TEST(SpanScannerTest, SeesWhatProtobufSeesWhateverTheCuts) {
  const std::vector<std::uint8_t> body = SomeRequest(37, 3);
  const Seen expected = ByProtobuf(body);
  ASSERT_EQ(expected.size(), 37u);
  for (std::size_t piece = 1; piece < 1200; piece += piece < 40 ? 1 : 83) {
    Seen seen;
    ASSERT_TRUE(Scan(body, piece, true, seen)) << "pieces of " << piece;
    EXPECT_EQ(seen, expected) << "pieces of " << piece;
    ASSERT_TRUE(Scan(body, piece, false, seen));
    EXPECT_EQ(seen.size(), expected.size());
  }
}

// Scenario: empty messages at every level, and a request of no bytes.
// Guarantees: they are well formed; an empty span is a span with zero IDs.
TEST(SpanScannerTest, AcceptsEmptyMessages) {
  const std::vector<std::pair<std::vector<std::uint8_t>, std::size_t>> cases = {
      {{}, 0}, {{0x0a, 0}, 0}, {{0x0a, 2, 0x12, 0}, 0}, {{0x0a, 4, 0x12, 2, 0x12, 0}, 1}};
  for (const auto& [body, spans] : cases) {
    Seen seen;
    EXPECT_TRUE(Scan(body, 1, true, seen));
    EXPECT_EQ(seen.size(), spans);
  }
}

// Scenario: a request loses its last bytes, one more each time.
// Guarantees: no shortened request passes for a whole one.
TEST(SpanScannerTest, ShortenedRequestIsNotAtItsEnd) {
  const std::vector<std::uint8_t> body = SomeRequest(3, 1);
  for (std::size_t size = 1; size < body.size(); ++size) {
    Seen seen;
    EXPECT_FALSE(
        Scan({body.begin(), body.begin() + static_cast<std::ptrdiff_t>(size)}, 100, true, seen))
        << size << " bytes";
  }
}

// Scenario: a field reaches past the end of its message; a wire type that does not exist; an
// endless varint.
// Guarantees: each is refused.
TEST(SpanScannerTest, RefusesWhatCannotBeOtlp) {
  const std::vector<std::vector<std::uint8_t>> cases = {{0x0a, 2, 0x12, 5, 0, 0, 0, 0, 0},
                                                        {0x0f, 1},
                                                        {0x0a, 3, 0x12, 1, 0x0d},
                                                        std::vector<std::uint8_t>(12, 0xff)};
  for (const auto& body : cases) {
    Seen seen;
    EXPECT_FALSE(Scan(body, 100, true, seen));
  }
}

// Scenario: many spans are encoded.
// Guarantees: they are about as large as an SDK's (figures are for 500
// bytes).
TEST(RequestEncoderTest, SpansAreAboutFiveHundredBytes) {
  const double per_span = static_cast<double>(SomeRequest(1000, 1).size()) / 1000;
  EXPECT_GT(per_span, 460);
  EXPECT_LT(per_span, 560);
}

}  // namespace
}  // namespace bench
