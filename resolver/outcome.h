// Outcome: how one DNS question, or one whole attempt to resolve, ended. Every value but kSuccess
// leaves the last good set of endpoints alone (FM-19 … FM-22).
// Thread safety: a value.
#pragma once

#include <cstdint>
#include <string_view>

namespace resolver {

enum class Outcome : std::uint8_t {
  kSuccess,            // at least one usable record
  kNxDomain,           // the name does not exist
  kNoData,             // the name exists, no usable record of the type asked for
  kServFail,           // the server could not answer
  kRefused,            // the server would not answer
  kTimeout,            // nobody answered in time, or only with answers to other questions
  kMalformed,          // the right server answered the right question with broken bytes
  kTruncated,          // cut short even over TCP: a subset, so no answer
  kConnectionRefused,  // no server could be reached (TCP after truncation included)
  kOther,              // anything else: no memory, bad server list, bad name
};

// A stable lower-case word, fit for a metric label.
std::string_view OutcomeName(Outcome outcome);

// True when the server said for certain what there is: records, none of the type, or no such name.
inline bool IsAuthentic(Outcome outcome) {
  return outcome == Outcome::kSuccess || outcome == Outcome::kNoData ||
         outcome == Outcome::kNxDomain;
}

}  // namespace resolver
