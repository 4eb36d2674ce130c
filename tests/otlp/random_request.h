// RandomRequest: small OTLP requests nobody would send, all of them valid.
//
// Fields of each message come in random order; every level may have unknown fields of every wire
// type, groups included; `resource` may be repeated, trace_id repeated, absent or of a wrong
// length; ResourceSpans may use the old field 1000. The shape depends on the seed only: with and
// without padding the same request is meant.
#pragma once

#include <algorithm>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "tests/otlp/wire_writer.h"

namespace router::test {

class RandomRequest {
 public:
  explicit RandomRequest(std::uint64_t seed, bool padded = false)
      : random_(seed), padding_engine_(seed + 1), padding_(padded ? &padding_engine_ : nullptr) {}

  std::string Make() {
    Fields fields;
    Repeat(fields, 3, [&] { return Writer().Bytes(1, ResourceSpans()); });
    return Finish(std::move(fields));
  }

 private:
  using Fields = std::vector<std::string>;

  WireWriter Writer() { return WireWriter(padding_); }
  std::uint64_t Below(std::uint64_t bound) { return random_() % bound; }
  bool OneIn(std::uint64_t n) { return Below(n) == 0; }

  template <typename Make>
  void Repeat(Fields& fields, std::uint64_t most, Make make) {
    for (std::uint64_t n = Below(most + 1); n > 0; --n) fields.push_back(make().bytes());
  }
  template <typename Make>
  void Maybe(Fields& fields, std::uint64_t one_in, Make make) {
    if (OneIn(one_in)) fields.push_back(make().bytes());
  }

  std::string Finish(Fields fields) {
    if (OneIn(3)) {
      for (std::uint64_t n = 1 + Below(3); n > 0; --n) fields.push_back(Unknown(0));
    }
    if (OneIn(2)) std::shuffle(fields.begin(), fields.end(), random_);
    std::string bytes;
    for (const std::string& field : fields) bytes += field;
    return bytes;
  }

  // A field number no message of OTLP uses, or a used one with a wire type it does not have: 50 and
  // above, and the group at 1.
  std::string Unknown(int depth) {
    const auto number = static_cast<std::uint32_t>(50 + Below(3) * 3'000'000);
    switch (Below(6)) {
      case 0:
        return Writer().Number(number, random_() >> Below(64)).bytes();
      case 1:
        return Writer().Fixed64(number, Text(8)).bytes();
      case 2:
        return Writer().Bytes(number, Text(Below(20))).bytes();
      case 3:
        return Writer().Fixed32(number, Text(4)).bytes();
      case 4:
        return Writer().Group(1, "").bytes();
      default:
        return Writer().Group(number, depth < 3 && OneIn(2) ? Unknown(depth + 1) : "").bytes();
    }
  }

  std::string Text(std::uint64_t size) {
    std::string text(size, '\0');
    for (char& character : text) character = static_cast<char>('a' + Below(26));
    return text;
  }
  std::string Utf8Text() {
    return OneIn(8) ? "\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80" : Text(Below(12));
  }

  std::string AnyValue(int depth) {
    Fields fields;
    switch (Below(depth < 3 ? 8 : 5)) {
      case 0:
      case 1:
        fields.push_back(Writer().Bytes(1, Utf8Text()).bytes());
        break;
      case 2:
        fields.push_back(
            Writer().Number(2 + static_cast<std::uint32_t>(Below(2)), Below(2)).bytes());
        break;
      case 3:
        fields.push_back(Writer().Fixed64(4, Text(8)).bytes());
        break;
      case 4:
        fields.push_back(Writer().Bytes(7, "\xFF\x00\x80").bytes());
        break;
      case 5:
        fields.push_back(Writer().Bytes(5, Writer().Bytes(1, AnyValue(depth + 1)).bytes()).bytes());
        break;
      case 6:
        fields.push_back(Writer().Bytes(6, Writer().Bytes(1, KeyValue(depth + 1)).bytes()).bytes());
        break;
      default:
        break;
    }
    return OneIn(10) ? Finish(std::move(fields)) : (fields.empty() ? "" : fields[0]);
  }
  std::string KeyValue(int depth = 0) {
    Fields fields;
    fields.push_back(Writer().Bytes(1, Utf8Text()).bytes());
    fields.push_back(Writer().Bytes(2, AnyValue(depth)).bytes());
    return OneIn(8) ? Finish(std::move(fields)) : fields[0] + fields[1];
  }

  std::string Resource() {
    Fields fields;
    Repeat(fields, 2, [&] { return Writer().Bytes(1, KeyValue()); });
    Maybe(fields, 4, [&] { return Writer().Number(2, Below(300)); });
    Maybe(fields, 6, [&] { return Writer().Bytes(3, Writer().Bytes(1, Utf8Text()).bytes()); });
    return Finish(std::move(fields));
  }
  std::string Scope() {
    Fields fields;
    Maybe(fields, 2, [&] { return Writer().Bytes(1, Utf8Text()); });
    Maybe(fields, 2, [&] { return Writer().Bytes(2, Utf8Text()); });
    Repeat(fields, 1, [&] { return Writer().Bytes(3, KeyValue()); });
    return Finish(std::move(fields));
  }
  std::string TraceId() {
    constexpr std::uint64_t kTraces = 5;
    switch (Below(12)) {
      case 0:
        return std::string(16, '\0');
      case 1:
        return Text(Below(40));
      default:
        return std::string(16, static_cast<char>('A' + Below(kTraces)));
    }
  }
  std::string Event() {
    Fields fields;
    Maybe(fields, 2, [&] { return Writer().Fixed64(1, Text(8)); });
    Maybe(fields, 2, [&] { return Writer().Bytes(2, Utf8Text()); });
    Repeat(fields, 1, [&] { return Writer().Bytes(3, KeyValue()); });
    return Finish(std::move(fields));
  }
  std::string Link() {
    Fields fields;
    fields.push_back(Writer().Bytes(1, TraceId()).bytes());
    Maybe(fields, 2, [&] { return Writer().Bytes(3, Utf8Text()); });
    Repeat(fields, 1, [&] { return Writer().Bytes(4, KeyValue()); });
    return Finish(std::move(fields));
  }
  std::string Status() {
    Fields fields;
    Maybe(fields, 2, [&] { return Writer().Bytes(2, Utf8Text()); });
    Maybe(fields, 2, [&] { return Writer().Number(3, Below(5)); });
    return Finish(std::move(fields));
  }
  std::string Span() {
    Fields fields;
    if (!OneIn(15)) fields.push_back(Writer().Bytes(1, TraceId()).bytes());
    Maybe(fields, 15, [&] { return Writer().Bytes(1, TraceId()); });
    Maybe(fields, 2, [&] { return Writer().Bytes(2, Text(8)); });
    Maybe(fields, 3, [&] { return Writer().Bytes(5, Utf8Text()); });
    Maybe(fields, 3, [&] { return Writer().Number(6, Below(7)); });
    Maybe(fields, 3, [&] { return Writer().Fixed64(7, Text(8)); });
    Repeat(fields, 1, [&] { return Writer().Bytes(9, KeyValue()); });
    Maybe(fields, 8, [&] { return Writer().Bytes(11, Event()); });
    Maybe(fields, 8, [&] { return Writer().Bytes(13, Link()); });
    Maybe(fields, 6, [&] { return Writer().Bytes(15, Status()); });
    Maybe(fields, 5, [&] { return Writer().Fixed32(16, Text(4)); });
    return Finish(std::move(fields));
  }
  std::string ScopeSpans() {
    Fields fields;
    Maybe(fields, 2, [&] { return Writer().Bytes(1, Scope()); });
    Maybe(fields, 10, [&] { return Writer().Bytes(1, Scope()); });
    Repeat(fields, 4, [&] { return Writer().Bytes(2, Span()); });
    Maybe(fields, 3, [&] { return Writer().Bytes(3, Utf8Text()); });
    return Finish(std::move(fields));
  }
  std::string ResourceSpans() {
    Fields fields;
    Maybe(fields, 2, [&] { return Writer().Bytes(1, Resource()); });
    Maybe(fields, 6, [&] { return Writer().Bytes(1, Resource()); });
    Repeat(fields, 2, [&] { return Writer().Bytes(2, ScopeSpans()); });
    if (OneIn(6)) Repeat(fields, 2, [&] { return Writer().Bytes(1000, ScopeSpans()); });
    Maybe(fields, 3, [&] { return Writer().Bytes(3, Utf8Text()); });
    Maybe(fields, 8, [&] { return Writer().Bytes(3, Utf8Text()); });
    return Finish(std::move(fields));
  }

  std::mt19937_64 random_;
  std::mt19937_64 padding_engine_;
  std::mt19937_64* padding_;
};

}  // namespace router::test
