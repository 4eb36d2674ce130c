#include <limits>
#include <optional>
#include <string>

#include "router/otlp/json_request.h"
#include "router/otlp/json_token.h"

namespace router {
namespace {

// The bits to write, or nothing when the integer is out of the field's range.
std::optional<std::uint64_t> BitsOf(JsonKind kind, DecimalInteger integer) {
  std::uint64_t positive_max = std::numeric_limits<std::uint64_t>::max();
  std::uint64_t negative_max = 0;
  if (kind == JsonKind::kInt64) {
    positive_max = std::numeric_limits<std::int64_t>::max();
    negative_max = positive_max + 1;
  } else if (kind == JsonKind::kInt32 || kind == JsonKind::kEnum) {
    positive_max = std::numeric_limits<std::int32_t>::max();
    negative_max = positive_max + 1;
  } else if (kind == JsonKind::kUint32 || kind == JsonKind::kFixed32) {
    positive_max = std::numeric_limits<std::uint32_t>::max();
  }
  if (integer.magnitude > (integer.is_negative ? negative_max : positive_max)) return std::nullopt;
  return integer.is_negative ? ~integer.magnitude + 1 : integer.magnitude;
}

}  // namespace

bool JsonRequest::WriteScalar(const JsonField& field, bool is_always, std::string_view token) {
  switch (field.kind) {
    case JsonKind::kString:
      return WriteString(field, is_always, token);
    case JsonKind::kTraceId:
      return WriteId(field, 16, token);
    case JsonKind::kSpanId:
      return WriteId(field, 8, token);
    case JsonKind::kBytes:
      return WriteBytes(field, token);
    case JsonKind::kBool:
      return WriteBool(field, token);
    case JsonKind::kDouble:
      return WriteDouble(field, token);
    default:
      return WriteInteger(field, is_always, token);
  }
}

bool JsonRequest::WriteString(const JsonField& field, bool is_always, std::string_view token) {
  if (!IsQuoted(token)) return FailExpecting(field, token);
  const std::string_view text = Inside(token);
  if (text.empty() && !is_always) return true;
  if (!EnsureScalar(text.size())) return false;
  out_.PutTag(field.number, wire::kLengthDelimited);
  if (text.find('\\') == std::string_view::npos) {
    out_.PutVarint(text.size());
    out_.PutBytes(text);
    return true;
  }
  const std::size_t width = VarintBytes(text.size());
  const std::size_t at = out_.OpenLength(width);
  const std::optional<std::size_t> size = UnescapeJson(text, out_.next());
  if (!size) return FailEscape();
  out_.Advance(*size);
  return out_.CloseLength(at, width, false) > 0 || FailOutput();
}

bool JsonRequest::WriteId(const JsonField& field, std::size_t id_bytes, std::string_view token) {
  if (!IsQuoted(token)) return FailExpecting(field, token);
  const std::string_view digits = Inside(token);
  if (digits.empty()) return true;
  if (digits.size() != 2 * id_bytes) {
    return Fail("is " + std::to_string(digits.size()) + " characters long; " +
                std::string(WhatToSend(field)));
  }
  if (!EnsureScalar(id_bytes)) return false;
  out_.PutTag(field.number, wire::kLengthDelimited);
  out_.PutVarint(id_bytes);
  if (!DecodeHex(digits, out_.next())) {
    return Fail(std::string("is not hexadecimal; ").append(WhatToSend(field)));
  }
  out_.Advance(id_bytes);
  return true;
}

bool JsonRequest::WriteBytes(const JsonField& field, std::string_view token) {
  if (!IsQuoted(token)) return FailExpecting(field, token);
  const std::string_view text = Inside(token);
  std::size_t digits = text.size();
  if (text.find('\\') != std::string_view::npos) {  // as of "\/"
    const std::optional<std::size_t> unescaped = UnescapeJson(text, nullptr);
    if (!unescaped) return FailEscape();
    digits = *unescaped;
  }
  const std::size_t bytes_max = digits / 4 * 3 + digits % 4;
  if (!EnsureScalar(bytes_max)) return false;
  out_.PutTag(field.number, wire::kLengthDelimited);
  const std::size_t width = VarintBytes(bytes_max);
  const std::size_t at = out_.OpenLength(width);
  const std::optional<std::size_t> size = DecodeAnyBase64(text, out_.next());
  if (!size) {
    return Fail(std::string("is not base64; ").append(WhatToSend(field)));
  }
  out_.Advance(*size);
  return out_.CloseLength(at, width, false) > 0 || FailOutput();
}

bool JsonRequest::WriteBool(const JsonField& field, std::string_view token) {
  if (token != "true" && token != "false") return FailExpecting(field, token);
  if (!EnsureScalar()) return false;
  out_.PutTag(field.number, wire::kVarint);
  out_.PutVarint(token == "true" ? 1 : 0);
  return true;
}

bool JsonRequest::WriteDouble(const JsonField& field, std::string_view token) {
  const bool is_quoted = IsQuoted(token);
  double number = 0;
  const NumberFault fault =
      ParseDouble(is_quoted ? Inside(token) : token,
                  is_quoted ? NumberForm::kQuoted : NumberForm::kBare, number);
  if (fault != NumberFault::kNone) return FailNumber(field, token, fault);
  if (!EnsureScalar()) return false;
  out_.PutTag(field.number, wire::kFixed64);
  out_.PutFixed(number);
  return true;
}

bool JsonRequest::WriteInteger(const JsonField& field, bool is_always, std::string_view token) {
  const bool is_quoted = IsQuoted(token);
  if (is_quoted && field.kind == JsonKind::kEnum) return FailExpecting(field, token);
  DecimalInteger integer{};
  NumberFault fault = ParseInteger(is_quoted ? Inside(token) : token,
                                   is_quoted ? NumberForm::kQuoted : NumberForm::kBare, integer);
  std::optional<std::uint64_t> bits;
  if (fault == NumberFault::kNone) {
    bits = BitsOf(field.kind, integer);
    if (!bits) fault = NumberFault::kOutOfRange;
  }
  if (fault != NumberFault::kNone) return FailNumber(field, token, fault);
  if (*bits == 0 && !is_always) return true;
  if (!EnsureScalar()) return false;
  if (field.kind == JsonKind::kFixed64) {
    out_.PutTag(field.number, wire::kFixed64);
    out_.PutFixed(*bits);
  } else if (field.kind == JsonKind::kFixed32) {
    out_.PutTag(field.number, wire::kFixed32);
    out_.PutFixed(static_cast<std::uint32_t>(*bits));
  } else {
    out_.PutTag(field.number, wire::kVarint);
    out_.PutVarint(*bits);
  }
  return true;
}

bool JsonRequest::EnsureScalar(std::size_t bytes) {
  constexpr std::size_t kHeaderBytes = WireOutput::kTagBytes + wire::kVarintBytesMax;
  return out_.Ensure(kHeaderBytes + bytes) || FailOutput();
}

bool JsonRequest::FailEscape() {
  return Fail("has an escape that is not valid in JSON, or half a surrogate pair");
}

bool JsonRequest::FailNumber(const JsonField& field, std::string_view token, NumberFault fault) {
  std::string_view what = "is out of range";
  if (fault == NumberFault::kNotNumber) {
    what = KindOfToken(token);
    if (IsQuoted(token)) what = "is a string that is not a number";
    if (what == "is a number") what = "is not a number as JSON writes them";
  } else if (fault == NumberFault::kNotIntegral) {
    what = "has a fraction";
  } else if (fault == NumberFault::kTooLong) {
    what = "is longer than 512 characters";
  }
  return Fail(std::string(what).append("; ").append(WhatToSend(field)));
}

}  // namespace router
