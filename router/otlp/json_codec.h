// JsonCodec: OTLP/JSON requests into the Protobuf wire form. Answers: json_answer.h.
//
// A request's bytes are checked and parsed by simdjson, then written as the wire form of
// ExportTraceServiceRequest directly; there are no objects per span. What is taken:
//
// * the proto3 JSON mapping with OTLP's own rules: lowerCamelCase names only (those of the .proto
//   files are faults), trace and span IDs in hexadecimal (any case), enums as integers only (J-01,
//   J-02, J-04);
// * unknown names are skipped with all that is in them, at every level (J-03);
// * 64-bit integers as numbers or decimal strings, exact over their whole range; 1.0 and 1e3 are
//   integers as well, 1.5 is not (J-05); doubles also as strings, with "NaN" and "Infinity";
// * `null` is the same as leaving the name out (J-07), but no element of an array; a known name
//   twice in one object, and two values of one AnyValue, are faults;
// * valid UTF-8 without byte order mark, comments or anything behind the value (J-08);
// * messages nested to 100 levels, as Protobuf counts them, unknown values to 200 arrays and
//   objects; numbers of up to 512 characters (J-09).
//
// Source: OTLP 1.x "JSON Protobuf Encoding"; rules J-01 to J-10.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "router/base/body.h"
#include "router/otlp/json_fault.h"

namespace router {

// Thread safety: its worker only.
// Memory: 7 bytes per byte of JSON, charged to the body's account while a request is read. For
// requests of up to kKeptJsonBytes they are made with the first one, and kept.
class JsonCodec {
 public:
  static constexpr std::size_t kKeptJsonBytes = 128 * 1024;

  JsonCodec();
  ~JsonCodec();
  JsonCodec(const JsonCodec&) = delete;
  JsonCodec& operator=(const JsonCodec&) = delete;

  // The ExportTraceServiceRequest `json` in Protobuf wire form, at most `output_bytes_max` bytes,
  // into `out`. Nothing on success; otherwise `out` comes back Reset().
  // REQUIRES: out.size() == 0; json.size() < 2^32.
  std::optional<JsonFault> ToWire(std::span<const std::uint8_t> json, std::size_t output_bytes_max,
                                  Body& out);

 private:
  struct Parsing;
  std::unique_ptr<Parsing> parsing_;
};

}  // namespace router
