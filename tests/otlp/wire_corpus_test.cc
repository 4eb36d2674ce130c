// CP-4: a hand-made corpus of wire bytes, well-formed and not, on every level of a request. The
// expected verdict is not written down but asked of the linked Protobuf.
#include <google/protobuf/stubs/logging.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "router/otlp/span_index.h"
#include "tests/otlp/oracle.h"
#include "tests/otlp/wire_writer.h"

namespace router::test {
namespace {

using namespace std::string_literals;  // NOLINT: "\0"s keeps its zeros

struct Case {
  std::string name;
  std::string bytes;
};

std::string Len(std::uint32_t field, std::string_view content) {
  return WireWriter().Bytes(field, content).bytes();
}

// A message of the schema and the field numbers that lead to it from the request.
struct Level {
  std::string name;
  std::vector<std::uint32_t> path;
  std::uint32_t string_field;   // 0: none
  std::uint32_t message_field;  // 0: none
};

std::vector<Level> Levels() {
  return {{"request", {}, 0, 1},
          {"resource_spans", {1}, 3, 1},
          {"resource", {1, 1}, 0, 1},
          {"resource_key_value", {1, 1, 1}, 1, 2},
          {"any_value", {1, 1, 1, 2}, 1, 5},
          {"array_value", {1, 1, 1, 2, 5}, 0, 1},
          {"kvlist", {1, 1, 1, 2, 6}, 0, 1},
          {"entity_ref", {1, 1, 3}, 4, 0},
          {"scope_spans", {1, 2}, 3, 1},
          {"old_scope_spans", {1, 1000}, 3, 1},
          {"scope", {1, 2, 1}, 2, 3},
          {"span", {1, 2, 2}, 5, 9},
          {"old_span", {1, 1000, 2}, 3, 11},
          {"span_key_value", {1, 2, 2, 9}, 1, 2},
          {"event", {1, 2, 2, 11}, 2, 3},
          {"link", {1, 2, 2, 13}, 3, 4},
          {"status", {1, 2, 2, 15}, 2, 0}};
}

std::string Wrap(const Level& level, std::string content) {
  for (auto field = level.path.rbegin(); field != level.path.rend(); ++field) {
    content = Len(*field, content);
  }
  return content;
}

// A varint of exactly `bytes` bytes whose last one is `last`.
std::string LongVarint(int bytes, char last) {
  return std::string(static_cast<std::size_t>(bytes - 1), '\x80') + last;
}

std::vector<Case> ContentsForEveryLevel() {
  std::vector<Case> cases = {
      {"empty", ""},
      {"field_zero_varint", "\x00\x01"s},
      {"field_zero_fixed64", "\x01"s + std::string(8, 'x')},
      {"field_zero_length_delimited", "\x02\x00"s},
      {"field_zero_group", "\x03\x04"},
      {"field_zero_end_group", "\x04"},
      {"wire_type_6", "\x96\x06\x00"s},
      {"wire_type_7", "\x97\x06\x00"s},
      {"lone_end_group", "\x94\x06"},
      {"truncated_tag", "\x92"},
      {"tag_without_value", "\x90\x06"},
      {"length_without_content", "\x92\x06\x01"},
      {"length_one_too_long", "\x92\x06\x04"s + "abc"},
      {"fixed64_seven_bytes", "\x91\x06"s + std::string(7, 'x')},
      {"fixed64_eight_bytes", "\x91\x06"s + std::string(8, 'x')},
      {"fixed32_three_bytes", "\x95\x06"s + std::string(3, 'x')},
      {"fixed32_four_bytes", "\x95\x06"s + std::string(4, 'x')},
      {"group_empty", "\x93\x06\x94\x06"},
      {"group_unterminated", "\x93\x06"},
      {"group_wrong_end", "\x93\x06\x9C\x06"},
      {"group_in_group", "\x93\x06\x9B\x06\x9C\x06\x94\x06"},
      {"groups_crossed", "\x93\x06\x9B\x06\x94\x06\x9C\x06"},
      {"group_with_every_type", "\x93\x06\x08\x01\x11" + std::string(8, 'x') + "\x1A\x02hi\x25" +
                                    std::string(4, 'x') + "\x94\x06"},
      {"group_with_field_zero", "\x93\x06\x00\x01\x94\x06"s},
      {"group_end_tag_padded", "\x93\x06\x94\x86\x80\x00"s},
      {"group_known_number", "\x0B\x0C"},
      {"known_number_as_varint", "\x08\x01"},
      {"known_number_as_fixed32", "\x0D"s + std::string(4, 'x')},
      {"known_number_as_fixed64", "\x09"s + std::string(8, 'x')},
      {"field_2_as_varint", "\x10\x01"},
      {"field_1_length_zero", "\x0A\x00"s},
      {"field_2_length_zero", "\x12\x00"s},
      {"field_3_length_zero", "\x1A\x00"s},
      {"field_1_not_a_message", "\x0A\x01\xFF"},
      {"field_2_not_a_message", "\x12\x01\xFF"},
      {"field_9_not_a_message", "\x4A\x01\xFF"},
      {"field_19_opaque", "\x9A\x01\x01\xFF"},
      {"field_number_max", "\xFA\xFF\xFF\xFF\x0F\x01x"},
      {"field_number_reserved_19000", WireWriter().Number(19000, 1).bytes()},
      {"field_1000_not_a_message", Len(1000, "\xFF")},
      {"field_1000_as_varint", WireWriter().Number(1000, 7).bytes()},
      {"tag_six_bytes", LongVarint(6, '\x00') + "\x01"},
      {"tag_padded_to_field_1", "\x8A\x80\x80\x80\x00\x00"s},
      {"tag_padded_to_field_2", "\x92\x80\x80\x80\x00\x00"s},
      {"tag_bits_above_32", "\x92\x86\x80\x80\x70\x00"s},
      {"tag_bits_above_32_field_zero", "\x82\x80\x80\x80\x10\x00"s},
      {"tag_five_bytes_all_ones", "\xFA\xFF\xFF\xFF\x7F\x00"s},
      {"length_five_bytes_padded", "\x92\x06\x82\x80\x80\x80\x00hi"s},
      {"length_six_bytes_padded", "\x92\x06\x82\x80\x80\x80\x80\x00hi"s},
      {"length_2_gib", "\x92\x06\x80\x80\x80\x80\x08"},
      {"length_just_below_2_gib", "\x92\x06\xFF\xFF\xFF\xFF\x07"},
      {"length_int_max_less_16", "\x92\x06\xEF\xFF\xFF\xFF\x07"},
      {"length_uint32_max", "\x92\x06\xFF\xFF\xFF\xFF\x0F"},
      {"length_minus_one", "\x92\x06" + LongVarint(10, '\x01')},
      {"length_truncated", "\x92\x06\x80"},
  };
  for (int bytes = 1; bytes <= 11; ++bytes) {
    cases.push_back({"varint_of_" + std::to_string(bytes), "\x90\x06" + LongVarint(bytes, '\x01')});
    cases.push_back({"varint_of_" + std::to_string(bytes) + "_overflowing",
                     "\x90\x06" + LongVarint(bytes, '\x7F')});
    cases.push_back({"varint_of_" + std::to_string(bytes) + "_cut",
                     "\x90\x06" + std::string(static_cast<std::size_t>(bytes), '\x80')});
  }
  return cases;
}

std::vector<Case> StringContents() {
  return {{"ascii", "plain"},
          {"nul", "a\0b"s},
          {"two_bytes", "\xC3\xA9"},
          {"three_bytes", "\xE2\x82\xAC"},
          {"four_bytes", "\xF0\x9F\x98\x80"},
          {"last_code_point", "\xF4\x8F\xBF\xBF"},
          {"above_last_code_point", "\xF4\x90\x80\x80"},
          {"surrogate", "\xED\xA0\x80"},
          {"overlong_two", "\xC0\x80"},
          {"overlong_three", "\xE0\x9F\xBF"},
          {"overlong_four", "\xF0\x8F\xBF\xBF"},
          {"lone_continuation", "abcdefgh\x80"},
          {"cut_character", "abcdefgh\xE2\x82"},
          {"byte_ff", "\xFF"},
          {"noncharacter", "\xEF\xBF\xBF"},
          {"late_error", std::string(100, 'a') + "\xC3"},
          {"late_good", std::string(100, 'a') + "\xC3\xA9"}};
}

// Fields of one span and of whole requests where order, repetition and nesting matter.
std::vector<Case> Specials() {
  const std::string id_a(16, 'a');
  const std::string id_b(16, 'b');
  const auto request = [](std::string_view span) { return Len(1, Len(2, Len(2, span))); };
  std::vector<Case> cases = {
      {"trace_id_twice", request(Len(1, id_a) + Len(1, id_b))},
      {"trace_id_then_empty", request(Len(1, id_a) + Len(1, ""))},
      {"trace_id_as_varint", request("\x08\x01")},
      {"trace_id_not_utf8", request(Len(1, "\xFF\xFE"))},
      {"trace_state_not_utf8", request(Len(3, "\xFF\xFE"))},
      {"parent_not_utf8", request(Len(4, "\xFF\xFE"))},
      {"any_bytes_not_utf8", request(Len(9, Len(2, Len(7, "\xFF"))))},
      {"kind_negative", request("\x30" + LongVarint(10, '\x01'))},
      {"kind_packed", request("\x32\x02\x01\x02")},
      {"flags_as_varint", request(WireWriter().Number(16, 1).bytes())},
      {"flags_fixed32", request(WireWriter().Fixed32(16, "abcd").bytes())},
      {"times_as_varint", request(WireWriter().Number(7, 1).Number(8, 2).bytes())},
      {"resource_repeated",
       Len(1, Len(1, Len(1, Len(1, "a"))) + Len(2, "") + Len(1, Len(1, Len(1, "b"))))},
      {"resource_repeated_second_bad", Len(1, Len(1, "") + Len(2, "") + Len(1, "\xFF"))},
      {"resource_after_scope_spans", Len(1, Len(2, Len(2, "")) + Len(1, ""))},
      {"schema_url_twice", Len(1, Len(3, "u") + Len(3, "v"))},
      {"schema_url_twice_second_bad", Len(1, Len(3, "u") + Len(3, "\xFF"))},
      {"request_field_3_not_utf8", Len(3, "\xFF")},
      {"oneof_set_twice", request(Len(9, Len(2, Len(1, "a") + "\x18\x01" + Len(5, ""))))},
      {"oneof_message_merged", request(Len(9, Len(2, Len(5, "") + Len(5, Len(1, "")))))},
      {"only_empty_resource_spans", "\x0A\x00\x0A\x00"s},
      {"only_empty_scope_spans", "\x0A\x02\x12\x00"s},
      {"child_longer_than_parent", "\x0A\x02\x12\x05"s + "abcde"},
      {"child_ends_with_parent", "\x0A\x04\x12\x02\x12\x00"s},
      {"varint_crosses_parent", "\x0A\x02\x10\x80\x01"},
      {"string_crosses_parent", "\x0A\x03\x1A\x02u"s + "v"},
      {"group_crosses_parent", "\x0A\x02\x93\x06\x94\x06"},
      {"old_scope_spans_with_span", Len(1, Len(1000, Len(2, Len(1, id_a))))},
      {"old_scope_spans_bad_utf8", Len(1, Len(1000, Len(2, Len(5, "\xFF"))))},
      {"old_scope_spans_in_group", Len(1, WireWriter().Group(1000, "").bytes())},
      {"garbage_text", "GET / HTTP/1.1\r\n"},
      {"gzip_magic", "\x1F\x8B\x08\x00\x00\x00\x00\x00"s},
      {"grpc_prefix_left_in", "\x00\x00\x00\x00\x02\x0A\x00"s},
      {"json", "{\"resourceSpans\":[]}"},
  };
  // Depth: a value 5 levels below the request already, each array adds two; each group adds one.
  for (int depth = 94; depth <= 103; ++depth) {
    std::string nested;
    bool is_array = depth % 2 == 0;
    for (int i = 0; i < depth - 5; ++i, is_array = !is_array)
      nested = Len(is_array ? 1 : 5, nested);
    cases.push_back({"nested_arrays_" + std::to_string(depth), request(Len(9, Len(2, nested)))});
    std::string opened;
    std::string closed;
    for (int i = 0; i < depth; ++i) {
      opened += "\x93\x06";
      closed += "\x94\x06";
    }
    cases.push_back({"groups_in_request_" + std::to_string(depth), opened + closed});
    const std::string groups = opened.substr(6) + closed.substr(6);
    cases.push_back({"groups_in_span_" + std::to_string(depth), request(groups)});
    cases.push_back(
        {"groups_in_old_span_" + std::to_string(depth), Len(1, Len(1000, Len(2, groups)))});
    cases.push_back({"groups_in_resource_spans_" + std::to_string(depth),
                     Len(1, opened.substr(2) + closed.substr(2))});
  }
  return cases;
}

std::vector<Case> Corpus() {
  std::vector<Case> cases = Specials();
  for (const Level& level : Levels()) {
    for (const Case& content : ContentsForEveryLevel()) {
      cases.push_back({level.name + "/" + content.name, Wrap(level, content.bytes)});
    }
    if (level.message_field != 0) {
      cases.push_back({level.name + "/message_twice",
                       Wrap(level, Len(level.message_field, "") + Len(level.message_field, ""))});
    }
    if (level.string_field == 0) continue;
    for (const Case& content : StringContents()) {
      cases.push_back({level.name + "/string_" + content.name,
                       Wrap(level, Len(level.string_field, content.bytes))});
    }
  }
  return cases;
}

// Scenario: more than a thousand hand-made requests on 17 levels.
// Guarantees: CP-4, A-17: accepted exactly when Protobuf accepts them, and as many spans as
// Protobuf sees.
TEST(WireCorpusTest, Cp4VerdictIsProtobufs) {
  google::protobuf::LogSilencer silence;
  SpanIndex index;
  std::set<std::string> names;
  int accepted = 0;
  int refused = 0;
  for (const Case& one : Corpus()) {
    SCOPED_TRACE(one.name);
    EXPECT_TRUE(names.insert(one.name).second) << "two cases of one name";
    Flattened flat;
    const bool expected = Flatten(one.bytes, &flat);
    const std::vector<std::uint8_t> exact(one.bytes.begin(), one.bytes.end());
    EXPECT_EQ(!index.Parse(exact, {}).has_value(), expected);
    EXPECT_EQ(index.span_count(), expected ? flat.spans.size() : 0);
    (expected ? accepted : refused) += 1;
  }
  EXPECT_GE(names.size(), 1000u);
  EXPECT_GE(accepted, 300);
  EXPECT_GE(refused, 300);
}

// Scenario: every case of the corpus, cut at every byte (the first 64).
// Guarantees: CP-4: a truncated request gets Protobuf's verdict too.
TEST(WireCorpusTest, Cp4VerdictOnEveryPrefixIsProtobufs) {
  google::protobuf::LogSilencer silence;
  SpanIndex index;
  for (const Case& one : Corpus()) {
    for (std::size_t size = 0; size < one.bytes.size() && size < 64; ++size) {
      const std::vector<std::uint8_t> exact(one.bytes.begin(),
                                            one.bytes.begin() + static_cast<std::ptrdiff_t>(size));
      ASSERT_EQ(!index.Parse(exact, {}).has_value(), ProtobufAccepts(one.bytes.substr(0, size)))
          << one.name << " cut to " << size;
    }
  }
}

// Scenario: malformed requests of each kind.
// Guarantees: GS-13, GS-09: the reason is named, and its text is plain and short.
TEST(WireCorpusTest, EachFaultHasItsReason) {
  const std::vector<std::pair<std::string, WireError>> cases = {
      {"\x0A\x01", WireError::kTruncated},
      {"\x00\x01"s, WireError::kBadTag},
      {"\x90\x06" + LongVarint(11, '\x01'), WireError::kBadVarint},
      {"\x92\x06" + LongVarint(6, '\x01'), WireError::kBadLength},
      {"\x96\x06", WireError::kBadWireType},
      {"\x93\x06", WireError::kUnmatchedGroup},
      {std::string(101, '\x0B') + std::string(101, '\x0C'), WireError::kTooDeep},
      {Len(1, Len(3, "\xFF")), WireError::kInvalidUtf8}};
  SpanIndex index;
  for (const auto& [bytes, error] : cases) EXPECT_EQ(index.Parse(AsBytes(bytes), {}), error);
  std::set<std::string_view> texts;
  for (int i = 0; i < kWireErrorCount; ++i) {
    const std::string_view text = WireErrorText(static_cast<WireError>(i));
    EXPECT_TRUE(texts.insert(text).second);
    EXPECT_LE(text.size(), 100u);
    EXPECT_GE(text.size(), 20u);
  }
}

}  // namespace
}  // namespace router::test
