#include "router/otlp/json_request.h"

#include <algorithm>
#include <cstring>
#include <string>

#include "router/otlp/json_token.h"

namespace router {
namespace {

namespace ondemand = simdjson::ondemand;

// From here on lengths are padded rather than moved over: what nests a hundred levels deep is not
// copied a hundred times.
constexpr int kShortLengthDepthMax = 12;
constexpr int kSkippedDepthMax = 2 * JsonPath::kMessageDepthMax;  // an array and an object each

// The token of a value, which is over then. What begins an object or array is for the caller to
// refuse.
std::string_view TakeScalar(ondemand::value& value) {
  const std::string_view token = TrimmedToken(value.raw_json_token());
  // Left alone, a string with a colon behind it would pass for a name when simdjson skips it.
  if (token.starts_with('"')) (void)value.get_raw_json_string().error();
  return token;
}

// The name that begins at `name`, up to its closing quote.
std::string_view NameAt(const char* name) {
  std::size_t size = 0;
  while (name[size] != '"') size += name[size] == '\\' ? 2 : 1;
  return {name, size};
}

// Is `original`, a name as in the .proto file, that of the field called `name` in JSON?
bool IsOriginalOf(std::string_view original, std::string_view name) {
  std::size_t at = 0;
  bool is_upper = false;
  for (const char c : original) {
    if (c == '_' && !is_upper) {
      is_upper = true;
      continue;
    }
    const char wanted = is_upper && c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    is_upper = false;
    if (at == name.size() || name[at] != wanted) return false;
    ++at;
  }
  return at == name.size() && !is_upper;
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
    return Fail("is not a JSON object; send {\"resourceSpans\":[...]}");
  }
  Object object;
  if (const auto error = document_.get_object().get(object)) return FailSyntax(error);
  // The wire form of spans is half as long as their JSON.
  if (!out_.Begin(text_.size() / 8 * 5)) return FailOutput();
  if (!WriteFields(JsonMessage::kRequest, object)) return false;
  const char* behind = nullptr;
  if (document_.current_location().get(behind) != simdjson::OUT_OF_BOUNDS) {
    return Fail("is followed by something else; send one JSON object, nothing behind it");
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
      if (!SkipUnknown(fields, NameAt(name), value)) return false;
      continue;
    }
    path_.Set(field->name);
    const std::uint32_t bit = 1u << (field - fields.data());
    if ((seen & bit) != 0) return Fail("is there twice; send it once");
    seen |= bit;
    const std::string_view token = TrimmedToken(value.raw_json_token());
    if (token == "null") continue;
    if (IsOneof(message)) {
      if (has_member) return Fail("is a second value beside another; send one value only");
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
    return Fail(std::string(KindOfToken(token)) + "; send an array");
  }
  if (const auto error = value.get_array().get(array)) return FailSyntax(error);
  std::size_t index = 0;
  for (auto entry : array) {
    if (const auto error = entry.error()) return FailSyntax(error);
    Value element = entry.value_unsafe();
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
    return Fail("nests more than 100 messages; send a flatter value");
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

// To pass over spans because of how their field is spelt would be to lose them under an OK.
bool JsonRequest::SkipUnknown(std::span<const JsonField> fields, std::string_view name,
                              Value& value) {
  for (const JsonField& field : fields) {
    if (!IsOriginalOf(name, field.name)) continue;
    path_.Set(field.name);
    return Fail("is spelt \"" + std::string(name) + "\"; names in OTLP/JSON are in lowerCamelCase");
  }
  return SkipName(name) && Skip(value, 2 * path_.depth() + 1);
}

bool JsonRequest::SkipName(std::string_view name) {
  if (UnescapeJson(name, nullptr)) return true;
  return Fail("has a name with an escape that is not valid in JSON");
}

bool JsonRequest::Skip(Value& value, int depth) {
  const std::string_view token = TrimmedToken(value.raw_json_token());
  const char first = token.empty() ? '\0' : token.front();
  if (first == '"') {
    TakeScalar(value);
    return (IsQuoted(token) && UnescapeJson(Inside(token), nullptr)) || FailEscape();
  }
  if ((first == '{' || first == '[') && depth >= kSkippedDepthMax) {
    return Fail("nests more than 200 arrays and objects; send a flatter value");
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
      if (const auto error = entry.error()) return FailSyntax(error);
      Value inner = entry.value_unsafe();
      if (!Skip(inner, depth + 1)) return false;
    }
    return true;
  }
  if (token == "true" || token == "false" || token == "null") return true;
  return CheckNumber(token, NumberForm::kBare) == NumberFault::kNone ||
         Fail("holds something that is not a JSON value, or a number too long");
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

bool JsonRequest::Fail(std::string_view what) {
  std::string message = path_.Text();
  message += message == "the request" ? " " : ": ";
  fault_ = {.message = std::move(message.append(what))};
  return false;
}

bool JsonRequest::FailExpecting(const JsonField& field, std::string_view token) {
  return Fail(std::string(KindOfToken(token)).append("; ").append(WhatToSend(field)));
}

bool JsonRequest::FailSyntax(simdjson::error_code error, bool is_begun) {
  const char* at = nullptr;
  const bool is_located = is_begun && document_.current_location().get(at) == simdjson::SUCCESS &&
                          at >= text_.data() && at <= text_.data() + text_.size();
  std::string message = "the body is not valid JSON";
  if (is_located) {
    message.append(" near byte ")
        .append(std::to_string(at - text_.data()))
        .append(" (")
        .append(path_.Text());
    message.append(")");
  }
  fault_ = {.message = message.append(": ").append(SyntaxText(error))};
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
