// ExportTraceServiceResponse: what a backend answered with OK, and what we answer.
//
// Thread safety: pure functions on values.
// Rules: GS-05…GS-11, GC-06, verdict table (docs/life_of_a_request.md).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace router {

// One backend's message, and all of them joined.
inline constexpr std::size_t kPartialMessageBytesMax = 1024;
inline constexpr std::size_t kJoinedMessageBytesMax = 4096;
// Said when spans were rejected and nobody said why (GS-09).
inline constexpr std::string_view kNoReasonGiven = "spans were rejected by the backend";

// rejected_spans == 0 with a message is a warning (GS-10); without one it is full success.
struct PartialSuccess {
  std::int64_t rejected_spans = 0;
  std::string message;

  bool IsFullSuccess() const { return rejected_spans == 0 && message.empty(); }
  friend bool operator==(const PartialSuccess&, const PartialSuccess&) = default;
};

enum class ExportOutcome : std::uint8_t {
  kMalformed,    // not a response; says nothing about the spans
  kFullSuccess,  // partial_success is absent or empty
  kPartial,      // spans were rejected, or a warning; never to be retried (GC-06)
};

struct ExportResponse {
  ExportOutcome outcome = ExportOutcome::kFullSuccess;
  PartialSuccess partial;  // empty unless kPartial
};

// A negative rejected_spans counts as 0. The message is made ASCII and at most
// kPartialMessageBytesMax long.
ExportResponse ParseExportResponse(std::span<const std::uint8_t> bytes);

// Full success is 0 bytes (GS-07). Rejected spans without a message get a general one (GS-09).
std::string SerializeExportResponse(const PartialSuccess& partial);

// Adds `from` to `into`: counts are summed (saturating), messages joined by "; " up to
// kJoinedMessageBytesMax, each text once. Made ASCII on the way, so any text may be given.
void AddPartialSuccess(PartialSuccess& into, const PartialSuccess& from);

}  // namespace router
