// JsonCodec: OTLP/JSON requests into the Protobuf wire form. Answers: json_answer.h.
//
// A request's bytes are checked and parsed by simdjson, then written as the wire form of
// ExportTraceServiceRequest directly; there are no objects per span. What is taken:
//   * the proto3 JSON mapping with OTLP's own rules: lowerCamelCase names only, trace and span IDs in
//     hexadecimal (any case), enums as integers only (J-01, J-02, J-04);
//   * unknown names are skipped with all that is in them, at every level (J-03);
//   * 64-bit integers as numbers or decimal strings, exact over their whole range; 1.0 and 1e3 are
//     integers as well, 1.5 is not (J-05); doubles also as strings, with "NaN" and "Infinity";
//   * `null` is the same as leaving the name out (J-07); a name given twice in one object, and two
//     values of one AnyValue, are faults;
//   * valid UTF-8 without byte order mark, comments or anything behind the value (J-08);
//   * messages nested to 100 levels, as Protobuf counts them; arrays and objects to twice that (J-09).
// Source: OTLP 1.x "JSON Protobuf Encoding"; rules J-01…J-10, HS-04, HS-11.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "router/base/body.h"

namespace router {

struct JsonFault {
  std::string message;         // what is wrong, where, and what to send instead
  std::size_t offset = 0;      // of the byte it was found at; 0 where that is not known
  bool is_no_memory = false;   // nothing is wrong with the request: the memory budget is full
  bool is_too_large = false;   // more than output_bytes_max in the wire form
};

// Thread safety: its worker only. Keeps parsing memory of at most kKeptBytes between requests; what
// is above is charged to the body's account while it is used.
class JsonCodec {
 public:
  static constexpr int kMessageDepthMax = 100;

  JsonCodec();
  ~JsonCodec();
  JsonCodec(const JsonCodec&) = delete;
  JsonCodec& operator=(const JsonCodec&) = delete;

  // The ExportTraceServiceRequest `json` in Protobuf wire form, at most `output_bytes_max` bytes,
  // into `out`. Nothing on success; otherwise `out` comes back Reset().
  // REQUIRES: out.size() == 0; json.size() < 2^32.
  std::optional<JsonFault> ToWire(std::span<const std::uint8_t> json, std::size_t output_bytes_max,
                                  Body& out);
};

}  // namespace router
