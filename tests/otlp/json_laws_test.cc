// JSON to wire form against libprotobuf's own JSON, over random requests. J-10.
//
// SPANRING_JSON_CASES=100000 for more of them than a test run should take.
#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>
#include <google/protobuf/util/json_util.h>
#include <google/protobuf/util/message_differencer.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <random>
#include <regex>

#include "router/otlp/base64.h"
#include "router/otlp/json_schema.h"
#include "tests/otlp/json_to_wire.h"
#include "tests/otlp/random_request.h"

namespace router::test {
namespace {

namespace pb = google::protobuf;

// Fills every field of every message now and then, with the values at which things go wrong.
class RandomMessage {
 public:
  explicit RandomMessage(std::uint64_t seed) : random_(seed) {}

  void Fill(pb::Message& message, int depth = 0) {
    const pb::Descriptor& type = *message.GetDescriptor();
    for (int i = 0; i < type.field_count(); ++i) {
      const pb::FieldDescriptor* field = type.field(i);
      if (field->real_containing_oneof() != nullptr) continue;
      const int count = field->is_repeated() ? static_cast<int>(random_() % 3) : Chance(2);
      for (int k = 0; k < count; ++k) Set(message, *field, depth);
    }
    for (int i = 0; i < type.real_oneof_decl_count(); ++i) {
      const pb::OneofDescriptor& oneof = *type.oneof_decl(i);
      const auto member = static_cast<int>(random_() % static_cast<unsigned>(oneof.field_count()));
      if (!Chance(10)) Set(message, *oneof.field(member), depth);
    }
  }

 private:
  int Chance(unsigned n) { return random_() % n == 0 ? 1 : 0; }

  void Set(pb::Message& message, const pb::FieldDescriptor& field, int depth) {
    const pb::Reflection& reflection = *message.GetReflection();
    switch (field.cpp_type()) {
      case pb::FieldDescriptor::CPPTYPE_MESSAGE:
        if (depth > 9) return;
        Fill(field.is_repeated() ? *reflection.AddMessage(&message, &field)
                                 : *reflection.MutableMessage(&message, &field),
             depth + 1);
        return;
      case pb::FieldDescriptor::CPPTYPE_STRING: {
        const std::string value =
            field.type() == pb::FieldDescriptor::TYPE_BYTES ? Bytes(field.name()) : Text();
        if (field.is_repeated()) {
          reflection.AddString(&message, &field, value);
        } else {
          reflection.SetString(&message, &field, value);
        }
        return;
      }
      case pb::FieldDescriptor::CPPTYPE_BOOL:
        return reflection.SetBool(&message, &field, Chance(2) != 0);
      case pb::FieldDescriptor::CPPTYPE_DOUBLE:
        return reflection.SetDouble(&message, &field, Double());
      case pb::FieldDescriptor::CPPTYPE_ENUM:
        return reflection.SetEnumValue(&message, &field, static_cast<int>(Bits()));
      case pb::FieldDescriptor::CPPTYPE_INT32:
        return reflection.SetInt32(&message, &field, static_cast<std::int32_t>(Bits()));
      case pb::FieldDescriptor::CPPTYPE_UINT32:
        return reflection.SetUInt32(&message, &field, static_cast<std::uint32_t>(Bits()));
      case pb::FieldDescriptor::CPPTYPE_INT64:
        return reflection.SetInt64(&message, &field, static_cast<std::int64_t>(Bits()));
      case pb::FieldDescriptor::CPPTYPE_UINT64:
        return reflection.SetUInt64(&message, &field, Bits());
      default:
        FAIL() << "a field of a kind this test does not know: " << field.full_name();
    }
  }

  std::uint64_t Bits() {
    constexpr std::uint64_t kEdges[] = {
        0, 1, ~0ull, 1ull << 31, 1ull << 32, (1ull << 31) - 1, 1ull << 63, (1ull << 63) - 1};
    return Chance(2) != 0 ? kEdges[random_() % std::size(kEdges)] : random_() >> random_() % 64;
  }
  double Double() {
    constexpr double kEdges[] = {0.0, -0.0, 1.0,           -1.5,     1e308,    5e-324,
                                 0.1, 1e21, 123456789.125, HUGE_VAL, -HUGE_VAL};
    if (Chance(12) != 0) return std::nan("");
    if (Chance(2) != 0) return kEdges[random_() % std::size(kEdges)];
    const std::uint64_t bits = random_();
    double value;
    std::memcpy(&value, &bits, sizeof(value));
    return std::isnan(value) ? 1 : value;
  }
  std::string Text() {
    static const std::string kPieces[] = {"a",
                                          "key",
                                          "\"",
                                          "\\",
                                          "/",
                                          "\n",
                                          "\x01",
                                          "\x7F",
                                          "\xC3\xA9",
                                          "\xE2\x82\xAC",
                                          "\xF0\x9F\x98\x80",
                                          std::string(1, '\0'),
                                          "<",
                                          "\xEF\xBF\xBF",
                                          "  "};
    std::string text;
    for (std::uint64_t n = random_() % 6; n > 0; --n)
      text += kPieces[random_() % std::size(kPieces)];
    return Chance(200) != 0 ? std::string(20000, 'x') + text : text;
  }
  std::string Bytes(const std::string& name) {
    std::size_t size = random_() % 40;
    if (name == "trace_id") size = 16;
    if (name.ends_with("span_id")) size = 8;
    std::string bytes(Chance(8) != 0 ? 0 : size, '\0');
    for (char& byte : bytes) byte = static_cast<char>(random_());
    return bytes;
  }

  std::mt19937_64 random_;
};

// What JSON cannot carry: unknown fields, IDs of a wrong length, NaN other than the usual.
void MakeRepresentable(pb::Message& message) {
  const pb::Reflection& reflection = *message.GetReflection();
  std::vector<const pb::FieldDescriptor*> fields;
  reflection.ListFields(message, &fields);
  for (const pb::FieldDescriptor* field : fields) {
    if (field->cpp_type() == pb::FieldDescriptor::CPPTYPE_MESSAGE) {
      const int count = field->is_repeated() ? reflection.FieldSize(message, field) : 1;
      for (int i = 0; i < count; ++i) {
        MakeRepresentable(field->is_repeated()
                              ? *reflection.MutableRepeatedMessage(&message, field, i)
                              : *reflection.MutableMessage(&message, field));
      }
    } else if (field->name().ends_with("trace_id") || field->name().ends_with("span_id")) {
      std::string id = reflection.GetString(message, field);
      if (!id.empty()) id.resize(field->name() == "trace_id" ? 16 : 8, 'p');
      reflection.SetString(&message, field, id);
    } else if (field->cpp_type() == pb::FieldDescriptor::CPPTYPE_DOUBLE &&
               std::isnan(reflection.GetDouble(message, field))) {
      reflection.SetDouble(&message, field, std::nan(""));
    }
  }
}

// IDs in base64, as libprotobuf writes bytes, into IDs in hexadecimal, as OTLP has them.
std::string WithHexIds(const std::string& json, bool is_upper_case) {
  static const std::regex kId("\"(traceId|spanId|parentSpanId)\":( ?)\"([A-Za-z0-9+/=]*)\"");
  std::string result;
  auto rest = json.begin();
  for (std::sregex_iterator match(json.begin(), json.end(), kId), end; match != end; ++match) {
    result.append(rest, (*match)[0].first);
    result += "\"" + match->str(1) + "\":" + match->str(2) + "\"";
    const std::string id = DecodeBase64(match->str(3)).value_or("");
    for (const char byte : id) {
      char digits[3];
      std::snprintf(digits, sizeof(digits), is_upper_case ? "%02X" : "%02x",
                    static_cast<unsigned>(static_cast<unsigned char>(byte)));
      result += digits;
    }
    result += '"';
    rest = (*match)[0].second;
  }
  return result.append(rest, json.end());
}

std::string JsonOf(const Request& request, bool is_spaced) {
  pb::util::JsonPrintOptions options;
  options.always_print_enums_as_ints = true;
  options.add_whitespace = is_spaced;
  std::string json;
  EXPECT_TRUE(pb::util::MessageToJsonString(request, &json, options).ok());
  return WithHexIds(json, is_spaced);
}

// Scenario: random requests with every field at its edges, as libprotobuf writes them in JSON.
// Guarantees: the wire form means the same to Protobuf: nothing is lost, altered or added. J-10,
// J-01, J-05, J-06.
TEST(JsonLawsTest, WireFormMeansWhatTheJsonMeant) {
  const char* const wanted = std::getenv("SPANRING_JSON_CASES");
  const std::uint64_t cases = wanted != nullptr ? std::stoull(wanted) : 2500;
  JsonToWire to_wire;
  std::size_t spans = 0;
  for (std::uint64_t seed = 0; seed < cases; ++seed) {
    Request request;
    if (seed % 2 == 0) {
      RandomMessage(seed).Fill(request);
    } else {
      ASSERT_TRUE(request.ParseFromString(RandomRequest(seed).Make()));
      request.DiscardUnknownFields();
    }
    MakeRepresentable(request);
    const std::string json = JsonOf(request, seed % 3 == 0);
    ASSERT_EQ(to_wire.Convert(json), "") << "seed " << seed << "\n" << json;
    std::string difference;
    pb::util::MessageDifferencer differencer;
    differencer.ReportDifferencesToString(&difference);
    pb::util::DefaultFieldComparator comparator;
    comparator.set_treat_nan_as_equal(true);
    differencer.set_field_comparator(&comparator);
    ASSERT_TRUE(differencer.Compare(request, to_wire.request())) << "seed " << seed << "\n"
                                                                 << difference << json;
    for (const auto& resource : request.resource_spans()) {
      for (const auto& scope : resource.scope_spans()) {
        spans += static_cast<std::size_t>(scope.spans_size());
      }
    }
  }
  EXPECT_GT(spans, cases / 2) << "the generator makes next to nothing";
}

// Scenario: the table of names beside the descriptors of the schemas.
// Guarantees: every field of every message below ExportTraceServiceRequest is in it, with its
// number and kind.
TEST(JsonLawsTest, SchemaIsThatOfTheDescriptors) {
  std::size_t messages = 0;
  const auto compare = [&](auto& self, const pb::Descriptor& type, JsonMessage message,
                           std::vector<const pb::Descriptor*>& seen) -> void {
    if (std::find(seen.begin(), seen.end(), &type) != seen.end()) return;
    seen.push_back(&type);
    ++messages;
    const auto fields = JsonFieldsOf(message);
    EXPECT_EQ(fields.size(), static_cast<std::size_t>(type.field_count())) << type.full_name();
    EXPECT_EQ(IsOneof(message), type.real_oneof_decl_count() == 1);
    for (const JsonField& field : fields) {
      const pb::FieldDescriptor* real = type.FindFieldByNumber(field.number);
      ASSERT_NE(real, nullptr) << field.name;
      EXPECT_EQ(real->json_name(), field.name);
      EXPECT_EQ(real->is_repeated(), field.is_repeated) << field.name;
      using Real = pb::FieldDescriptor;
      const bool is_id = field.name == "traceId" || field.name.ends_with("panId");
      const std::map<int, JsonKind> kinds = {
          {Real::TYPE_STRING, JsonKind::kString},
          {Real::TYPE_BOOL, JsonKind::kBool},
          {Real::TYPE_DOUBLE, JsonKind::kDouble},
          {Real::TYPE_INT32, JsonKind::kInt32},
          {Real::TYPE_INT64, JsonKind::kInt64},
          {Real::TYPE_UINT32, JsonKind::kUint32},
          {Real::TYPE_ENUM, JsonKind::kEnum},
          {Real::TYPE_FIXED32, JsonKind::kFixed32},
          {Real::TYPE_FIXED64, JsonKind::kFixed64},
          {Real::TYPE_MESSAGE, JsonKind::kMessage},
          {Real::TYPE_BYTES, field.name == "traceId" ? JsonKind::kTraceId
                             : is_id                 ? JsonKind::kSpanId
                                                     : JsonKind::kBytes}};
      EXPECT_EQ(kinds.at(real->type()), field.kind) << field.name;
      if (real->message_type() != nullptr) self(self, *real->message_type(), field.message, seen);
    }
  };
  std::vector<const pb::Descriptor*> seen;
  compare(compare, *Request::descriptor(), JsonMessage::kRequest, seen);
  EXPECT_EQ(messages, kJsonMessageCount);
}

}  // namespace
}  // namespace router::test
