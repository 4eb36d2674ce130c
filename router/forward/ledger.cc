#include "router/forward/ledger.h"

#include <algorithm>
#include <cctype>

namespace router {

std::size_t RejectIndex(RejectReason reason, GrpcCode backend_code) {
  const auto index = static_cast<std::size_t>(reason);
  return reason == RejectReason::kBackend ? index + static_cast<std::size_t>(backend_code) : index;
}

std::string RejectLabel(std::size_t index) {
  static constexpr std::array<const char*, 5> kOwn = {"malformed", "protocol", "too_large", "auth",
                                                      "partial_success"};
  if (index < kOwn.size()) return kOwn[index];
  std::string label = "backend_";
  for (const char c : GrpcCodeName(GrpcCodeFromInt(index - kOwn.size()))) {
    label += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  return label;
}

}  // namespace router
