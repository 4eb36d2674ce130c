#include "resolver/outcome.h"

namespace resolver {

std::string_view OutcomeName(Outcome outcome) {
  switch (outcome) {
    case Outcome::kSuccess:
      return "success";
    case Outcome::kNxDomain:
      return "nxdomain";
    case Outcome::kNoData:
      return "nodata";
    case Outcome::kServFail:
      return "servfail";
    case Outcome::kRefused:
      return "refused";
    case Outcome::kTimeout:
      return "timeout";
    case Outcome::kMalformed:
      return "malformed";
    case Outcome::kTruncated:
      return "truncated";
    case Outcome::kConnectionRefused:
      return "connection_refused";
    case Outcome::kOther:
      break;
  }
  return "other";
}

}  // namespace resolver
