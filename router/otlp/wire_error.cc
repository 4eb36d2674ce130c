#include "router/otlp/wire_error.h"

#include <array>
#include <cstddef>

namespace router {

std::string_view WireErrorText(WireError error) {
  static constexpr std::array<std::string_view, kWireErrorCount> kTexts = {
      "malformed OTLP request: a field is longer than the message that holds it",
      "malformed OTLP request: invalid field tag",
      "malformed OTLP request: a varint is longer than 10 bytes",
      "malformed OTLP request: invalid length",
      "malformed OTLP request: invalid wire type",
      "malformed OTLP request: unmatched group",
      "OTLP request refused: messages are nested too deeply",
      "malformed OTLP request: a string is not valid UTF-8",
      "OTLP request refused: too many spans in one request",
      "OTLP request refused: too many resource and scope groups in one request",
      "OTLP request refused: too large"};
  return kTexts[static_cast<std::size_t>(error)];
}

bool IsOverLimit(WireError error) {
  return error == WireError::kTooManySpans || error == WireError::kTooManyParts ||
         error == WireError::kRequestTooLarge;
}

}  // namespace router
