#include "router/otlp/json_request.h"

#include <bit>
#include <limits>

namespace router {
namespace {

namespace ondemand = simdjson::ondemand;

// From here on lengths are padded rather than moved over: what nests a hundred levels deep is not
// copied a hundred times.
constexpr int kShortLengthDepthMax = 12;
constexpr int kSkippedDepthMax = 2 * JsonPath::kMessageDepthMax;  // an array and an object each

std::string_view Trimmed(std::string_view token) {
  while (!token.empty() && static_cast<unsigned char>(token.back()) <= ' ') token.remove_suffix(1);
  return token;
}

// The token of a value, which is over then. What begins an object or array is for the caller to
// refuse.
std::string_view TakeScalar(ondemand::value& value) {
  const std::string_view token = Trimmed(value.raw_json_token());
  // Left alone, a string with a colon behind it would pass for a name when simdjson skips it.
  if (token.starts_with('"')) (void)value.get_raw_json_string().error();
  return token;
}

bool IsQuoted(std::string_view token) {
  return token.size() >= 2 && token.front() == '"' && token.back() == '"';
}

std::string_view Inside(std::string_view quoted) { return quoted.substr(1, quoted.size() - 2); }

// The name that begins at `name`, up to its closing quote.
std::string_view NameAt(const char* name) {
  std::size_t size = 0;
  while (name[size] != '"') size += name[size] == '\\' ? 2 : 1;
  return {name, size};
}

std::string_view KindOfToken(std::string_view token) {
  const char first = token.empty() ? '\0' : token.front();
  if (first == '-' || (first >= '0' && first <= '9')) return "is a number";
  switch (first) {
    case '{':
      return "is an object";
    case '[':
      return "is an array";
    case '"':
      return "is a string";
    case 't':
    case 'f':
      return "is a boolean";
    case 'n':
      return "is null";
    default:
      return "is not a JSON value";
  }
}

std::string_view WhatToSend(const JsonField& field) {
  switch (field.kind) {
    case JsonKind::kString:
      return "send a string";
    case JsonKind::kTraceId:
      return "send 32 hexadecimal digits (not base64), or leave it out";
    case JsonKind::kSpanId:
      return "send 16 hexadecimal digits (not base64), or leave it out";
    case JsonKind::kBytes:
      return "send a string in base64";
    case JsonKind::kBool:
      return "send true or false";
    case JsonKind::kDouble:
      return "send a number, or \"NaN\", \"Infinity\" or \"-Infinity\"";
    case JsonKind::kInt32:
    case JsonKind::kInt64:
      return "send an integer, as a number or as a decimal string";
    case JsonKind::kUint32:
    case JsonKind::kFixed32:
    case JsonKind::kFixed64:
      return "send an integer of 0 or more, as a number or as a decimal string";
    case JsonKind::kEnum:
      return "send the number of the enumerator, not its name";
    case JsonKind::kMessage:
      return "send an object";
  }
  return "";
}

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

std::string_view SyntaxText(simdjson::error_code error) {
  switch (error) {
    case simdjson::EMPTY:
      return "it is empty; send at least {}";
    case simdjson::UTF8_ERROR:
      return "it is not valid UTF-8";
    case simdjson::UNCLOSED_STRING:
      return "a string is not closed";
    case simdjson::UNESCAPED_CHARS:
      return "a string holds a control character; escape it";
    case simdjson::INCOMPLETE_ARRAY_OR_OBJECT:
      return "an object or array is not closed, or something stands behind the last";
    default:
      return "something is missing, misplaced or misspelt";
  }
}

}  // namespace

std::optional<JsonFault> JsonRequest::Write() {
  length_bytes_.fill(1);
  WriteRequest();
  return std::move(fault_);
}

bool JsonRequest::WriteRequest() {
  const simdjson::padded_string_view padded(text_.data(), text_.size(),
                                            text_.size() + simdjson::SIMDJSON_PADDING);
  if (const auto error = parser_.iterate(padded).get(document_)) {
    return FailSyntax(error, /*is_begun=*/false);
  }
  ondemand::json_type type{};
  if (const auto error = document_.type().get(type)) return FailSyntax(error);
  if (type != ondemand::json_type::object) {
    return Fail(text_.data(), "is not a JSON object; send {\"resourceSpans\":[...]}");
  }
  Object object;
  if (const auto error = document_.get_object().get(object)) return FailSyntax(error);
  // The wire form of spans is half as long as their JSON.
  if (!out_.Begin(text_.size() / 8 * 5)) return FailOutput();
  if (!WriteFields(JsonMessage::kRequest, object)) return false;
  const char* behind = text_.data();
  if (document_.current_location().get(behind) != simdjson::OUT_OF_BOUNDS) {
    return Fail(behind, "is followed by something else; send one JSON object, nothing behind it");
  }
  return out_.Finish() || FailOutput();
}

bool JsonRequest::WriteFields(JsonMessage message, Object& object) {
  const std::span<const JsonField> fields = JsonFieldsOf(message);
  std::uint32_t seen = 0;
  std::size_t expected = 0;
  bool has_member = false;
  for (auto entry : object) {
    path_.Clear();
    ondemand::field pair;
    if (const auto error = std::move(entry).get(pair)) return FailSyntax(error);
    const char* const name = pair.key().raw();
    const JsonField* const field = Find(fields, name, expected);
    Value value = pair.value();
    if (field == nullptr) {
      if (!SkipName(NameAt(name)) || !Skip(value, 2 * path_.depth() + 1)) return false;
      continue;
    }
    path_.Set(field->name);
    const std::uint32_t bit = 1u << (field - fields.data());
    if ((seen & bit) != 0) return Fail(name, "is there twice; send it once");
    seen |= bit;
    const std::string_view token = Trimmed(value.raw_json_token());
    if (token == "null") continue;
    if (IsOneof(message)) {
      if (has_member) return Fail(name, "is a second value beside another; send one value only");
      has_member = true;
    }
    if (!WriteField(*field, IsOneof(message), value)) return false;
  }
  path_.Clear();
  return true;
}

bool JsonRequest::WriteField(const JsonField& field, bool is_always, Value& value) {
  if (field.is_repeated) return WriteRepeated(field, value);
  if (field.kind == JsonKind::kMessage) return WriteMessage(field, value);
  return WriteScalar(field, is_always, TakeScalar(value));
}

bool JsonRequest::WriteRepeated(const JsonField& field, Value& value) {
  const std::string_view token = value.raw_json_token();
  simdjson::ondemand::array array;
  if (!token.starts_with('[')) {
    return Fail(token.data(), std::string(KindOfToken(token)) + "; send an array");
  }
  if (const auto error = value.get_array().get(array)) return FailSyntax(error);
  std::size_t index = 0;
  for (auto entry : array) {
    Value element;
    if (const auto error = std::move(entry).get(element)) return FailSyntax(error);
    path_.Set(field.name, index++);
    const bool is_written = field.kind == JsonKind::kMessage
                                ? WriteMessage(field, element)
                                : WriteScalar(field, true, TakeScalar(element));
    if (!is_written) return false;
  }
  return true;
}

bool JsonRequest::WriteMessage(const JsonField& field, Value& value) {
  const std::string_view token = value.raw_json_token();
  if (!token.starts_with('{')) return FailExpecting(field, token);
  Object object;
  if (const auto error = value.get_object().get(object)) return FailSyntax(error);
  if (!path_.Descend()) {
    return Fail(token.data(), "nests more than 100 messages; send a flatter value");
  }
  const bool is_padded = path_.depth() > kShortLengthDepthMax;
  std::uint8_t& guess = length_bytes_[static_cast<std::size_t>(field.message)];
  const std::size_t width = is_padded ? WireOutput::kLengthBytes : guess;
  if (!out_.Ensure(WireOutput::kTagBytes + width)) return FailOutput();
  out_.PutTag(field.number, wire::kLengthDelimited);
  const std::size_t at = out_.OpenLength(width);
  if (!WriteFields(field.message, object)) return false;
  const std::size_t taken = out_.CloseLength(at, width, is_padded);
  if (taken == 0) return FailOutput();
  if (!is_padded) guess = static_cast<std::uint8_t>(taken);
  path_.Ascend();
  return true;
}

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
  if (!size) return FailEscape(token);
  out_.Advance(*size);
  return out_.CloseLength(at, width, false) > 0 || FailOutput();
}

bool JsonRequest::WriteId(const JsonField& field, std::size_t id_bytes, std::string_view token) {
  if (!IsQuoted(token)) return FailExpecting(field, token);
  const std::string_view digits = Inside(token);
  if (digits.empty()) return true;
  if (digits.size() != 2 * id_bytes) {
    return Fail(token.data(), "is " + std::to_string(digits.size()) + " characters long; " +
                                  std::string(WhatToSend(field)));
  }
  if (!EnsureScalar(id_bytes)) return false;
  out_.PutTag(field.number, wire::kLengthDelimited);
  out_.PutVarint(id_bytes);
  if (!DecodeHex(digits, out_.next())) {
    return Fail(token.data(), std::string("is not hexadecimal; ").append(WhatToSend(field)));
  }
  out_.Advance(id_bytes);
  return true;
}

bool JsonRequest::WriteBytes(const JsonField& field, std::string_view token) {
  if (!IsQuoted(token)) return FailExpecting(field, token);
  std::string_view text = Inside(token);
  if (!EnsureScalar(2 * text.size())) return false;
  out_.PutTag(field.number, wire::kLengthDelimited);
  const std::size_t width = VarintBytes(text.size());
  const std::size_t at = out_.OpenLength(width);
  if (text.find('\\') != std::string_view::npos) {  // as of "\/"
    std::uint8_t* const unescaped = out_.next() + text.size();
    const std::size_t unescaped_bytes = UnescapeJson(text, unescaped).value_or(0);
    if (unescaped_bytes == 0) return FailEscape(token);
    text = {reinterpret_cast<const char*>(unescaped), unescaped_bytes};
  }
  const std::optional<std::size_t> size = DecodeAnyBase64(text, out_.next());
  if (!size) {
    return Fail(token.data(), std::string("is not base64; ").append(WhatToSend(field)));
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

bool JsonRequest::SkipName(std::string_view name) {
  if (UnescapeJson(name, nullptr)) return true;
  return Fail(name.data(), "has a name with an escape that is not valid in JSON");
}

bool JsonRequest::Skip(Value& value, int depth) {
  const std::string_view token = Trimmed(value.raw_json_token());
  const char first = token.empty() ? '\0' : token.front();
  if (first == '"') {
    TakeScalar(value);
    return (IsQuoted(token) && UnescapeJson(Inside(token), nullptr)) || FailEscape(token);
  }
  if ((first == '{' || first == '[') && depth >= kSkippedDepthMax) {
    return Fail(token.data(), "nests more than 200 arrays and objects; send a flatter value");
  }
  if (first == '{') {
    Object object;
    if (const auto error = value.get_object().get(object)) return FailSyntax(error);
    for (auto entry : object) {
      ondemand::field pair;
      if (const auto error = std::move(entry).get(pair)) return FailSyntax(error);
      Value inner = pair.value();
      if (!SkipName(NameAt(pair.key().raw())) || !Skip(inner, depth + 1)) return false;
    }
    return true;
  }
  if (first == '[') {
    ondemand::array array;
    if (const auto error = value.get_array().get(array)) return FailSyntax(error);
    for (auto entry : array) {
      Value inner;
      if (const auto error = std::move(entry).get(inner)) return FailSyntax(error);
      if (!Skip(inner, depth + 1)) return false;
    }
    return true;
  }
  if (token == "true" || token == "false" || token == "null") return true;
  return CheckNumber(token, NumberForm::kBare) == NumberFault::kNone ||
         Fail(token.data(), "holds something that is not a JSON value, or a number too long");
}

const JsonField* JsonRequest::Find(std::span<const JsonField> fields, const char* name,
                                   std::size_t& expected) {
  for (std::size_t i = 0; i < fields.size(); ++i) {
    const std::size_t at =
        expected + i < fields.size() ? expected + i : expected + i - fields.size();
    const std::string_view candidate = fields[at].name;
    // No name is longer than simdjson's padding, so this stays within the text and its padding.
    if (std::memcmp(name, candidate.data(), candidate.size()) != 0) continue;
    if (name[candidate.size()] != '"') continue;
    expected = at + 1 == fields.size() ? 0 : at + 1;
    return &fields[at];
  }
  const std::string_view whole = NameAt(name);
  if (whole.find('\\') == std::string_view::npos || whole.size() > 6 * 32) return nullptr;
  std::array<std::uint8_t, 6 * 32> unescaped{};
  const std::size_t size = UnescapeJson(whole, unescaped.data()).value_or(0);
  for (const JsonField& field : fields) {
    if (field.name.size() == size &&
        std::equal(field.name.begin(), field.name.end(), unescaped.begin())) {
      return &field;
    }
  }
  return nullptr;
}

bool JsonRequest::EnsureScalar(std::size_t bytes) {
  constexpr std::size_t kHeaderBytes = WireOutput::kTagBytes + wire::kVarintBytesMax;
  return out_.Ensure(kHeaderBytes + bytes) || FailOutput();
}

bool JsonRequest::Fail(const char* at, std::string_view what) {
  std::string message = path_.Text();
  message += message == "the request" ? " " : ": ";
  fault_ = {std::move(message.append(what)), static_cast<std::size_t>(at - text_.data())};
  return false;
}

bool JsonRequest::FailExpecting(const JsonField& field, std::string_view token) {
  return Fail(token.data(), std::string(KindOfToken(token)).append("; ").append(WhatToSend(field)));
}

bool JsonRequest::FailEscape(std::string_view token) {
  return Fail(token.data(), "has an escape that is not valid in JSON, or half a surrogate pair");
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
  return Fail(token.data(), std::string(what).append("; ").append(WhatToSend(field)));
}

bool JsonRequest::FailSyntax(simdjson::error_code error, bool is_begun) {
  const char* at = nullptr;
  const bool is_located = is_begun && document_.current_location().get(at) == simdjson::SUCCESS &&
                          at >= text_.data() && at <= text_.data() + text_.size();
  const std::size_t offset = is_located ? static_cast<std::size_t>(at - text_.data()) : 0;
  std::string message = "the body is not valid JSON";
  if (is_located) {
    message.append(" near byte ").append(std::to_string(offset)).append(" (").append(path_.Text());
    message.append(")");
  }
  fault_ = {.message = message.append(": ").append(SyntaxText(error)), .offset = offset};
  return false;
}

bool JsonRequest::FailOutput() {
  if (!out_.is_too_large()) {
    fault_ = NoMemoryFault();
    return false;
  }
  fault_ = {.message =
                "the request is larger than the limit once it is in the binary form; "
                "send smaller batches",
            .is_too_large = true};
  return false;
}

}  // namespace router
