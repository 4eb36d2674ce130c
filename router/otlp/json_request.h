// JsonRequest: one OTLP/JSON request on its way into the wire form. The inside of JsonCodec.
//
// Walks the text once, in the order in which it stands, and writes as it goes. Everything is looked
// at, unknown fields too: what is no JSON is refused wherever it is.
// Thread safety: its worker only. Lives for one request.
#pragma once

#include <simdjson.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "router/otlp/json_fault.h"
#include "router/otlp/json_scalar.h"
#include "router/otlp/json_schema.h"
#include "router/otlp/wire_output.h"

namespace router {

class JsonRequest {
 public:
  // REQUIRES: simdjson's padding behind `text`; `parser` has capacity for it; `out` is empty.
  JsonRequest(std::string_view text, simdjson::ondemand::parser& parser,
              std::size_t output_bytes_max, Body& out)
      : text_(text), parser_(parser), out_(out, output_bytes_max) {}

  // Nothing on success: the wire form is in the body.
  std::optional<JsonFault> Write();

 private:
  using Value = simdjson::ondemand::value;
  using Object = simdjson::ondemand::object;

  // Each returns false with fault_ set.
  bool WriteRequest();
  bool WriteFields(JsonMessage message, Object& object);
  bool WriteField(const JsonField& field, bool is_always, Value& value);
  bool WriteMessage(const JsonField& field, Value& value);
  bool WriteRepeated(const JsonField& field, Value& value);
  bool WriteScalar(const JsonField& field, bool is_always, std::string_view token);
  bool WriteString(const JsonField& field, bool is_always, std::string_view token);
  bool WriteId(const JsonField& field, std::size_t id_bytes, std::string_view token);
  bool WriteBytes(const JsonField& field, std::string_view token);
  bool WriteBool(const JsonField& field, std::string_view token);
  bool WriteDouble(const JsonField& field, std::string_view token);
  bool WriteInteger(const JsonField& field, bool is_always, std::string_view token);
  // What is under a name we do not know: checked, not written.
  bool Skip(Value& value, int depth);
  bool SkipUnknown(std::span<const JsonField> fields, std::string_view name, Value& value);
  bool SkipName(std::string_view name);

  // The field of that name; null for an unknown name. `expected` is where the search begins and is
  // moved behind what was found. `name` begins behind the opening quote.
  const JsonField* Find(std::span<const JsonField> fields, const char* name, std::size_t& expected);
  bool EnsureScalar(std::size_t bytes = 0);
  // About the field that the path names: "<path>: <what>".
  bool Fail(std::string_view what);
  bool FailExpecting(const JsonField& field, std::string_view token);
  bool FailEscape();
  bool FailNumber(const JsonField& field, std::string_view token, NumberFault fault);
  // `is_begun`: there is a document, which knows where it stands.
  bool FailSyntax(simdjson::error_code error, bool is_begun = true);
  bool FailOutput();

  const std::string_view text_;
  simdjson::ondemand::parser& parser_;
  simdjson::ondemand::document document_;
  WireOutput out_;
  JsonPath path_;
  // How many bytes the length of the last message of each type took: a good guess for the next.
  std::array<std::uint8_t, kJsonMessageCount> length_bytes_{};
  std::optional<JsonFault> fault_;
};

}  // namespace router
