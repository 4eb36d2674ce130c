#include "tests/faults/content.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cstring>

#include "bench/load/identity.h"

namespace faults {
namespace {

constexpr std::size_t kActiveTraces = 12;
constexpr std::uint64_t kSpansPerTraceMean = 24;
constexpr std::uint64_t kEpochNano = 1'780'000'000'000'000'000;
constexpr std::size_t kSumDigits = 16;
constexpr std::string_view kSumKey = "f.sum";
constexpr std::uint64_t kSumSeed = 0xcbf29ce484222325;

// FNV-1a, 64 bits.
std::uint64_t Sum(std::string_view bytes, std::uint64_t sum = kSumSeed) {
  for (const char c : bytes) {
    sum = (sum ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  }
  return sum;
}

std::string Hex(std::uint64_t value) {
  std::string out(kSumDigits, '0');
  for (std::size_t i = kSumDigits; i-- > 0; value >>= 4) out[i] = "0123456789abcdef"[value & 15];
  return out;
}

// ---- writing ----------------------------------------------------------------------------------

void AppendVarint(std::uint64_t value, std::string& out) {
  for (; value >= 128; value >>= 7) out.push_back(static_cast<char>(0x80 | (value & 0x7f)));
  out.push_back(static_cast<char>(value));
}

void AppendField(std::uint32_t field, std::string_view value, std::string& out) {
  AppendVarint(field << 3 | 2, out);
  AppendVarint(value.size(), out);
  out.append(value);
}

void AppendFixed64(std::uint32_t field, std::uint64_t value, std::string& out) {
  AppendVarint(field << 3 | 1, out);
  for (int shift = 0; shift < 64; shift += 8) out.push_back(static_cast<char>(value >> shift));
}

std::string TextAttribute(std::string_view key, std::string_view value) {
  std::string any;
  AppendField(1, value, any);
  std::string out;
  AppendField(1, key, out);
  AppendField(2, any, out);
  return out;
}

template <typename Id>
std::string_view AsText(const Id& id) {
  return {reinterpret_cast<const char*>(id.data()), id.size()};
}

std::string SpanBytes(bench::Random& random, std::uint64_t span_number, std::uint64_t trace_number,
                      std::uint64_t resource_sum, std::uint64_t scope_sum) {
  std::string span;
  AppendField(1, AsText(bench::MakeTraceId(trace_number)), span);
  AppendField(2, AsText(bench::MakeSpanId(span_number)), span);
  AppendField(5, "step " + std::to_string(random.Below(40)), span);
  AppendVarint(6 << 3, span);
  AppendVarint(2, span);
  const std::uint64_t start = kEpochNano + random.Below(1'000'000'000);
  AppendFixed64(7, start, span);
  AppendFixed64(8, start + 1000 * (50 + random.Below(80'000)), span);
  for (std::uint64_t i = random.Below(4); i > 0; --i) {
    AppendField(9, TextAttribute("k" + std::to_string(i), Hex(random.Next())), span);
  }
  if (random.Below(40) == 0) {
    AppendField(9, TextAttribute("long", std::string(4000, 'x')), span);
  }
  const std::string sums = Hex(Sum(span)) + Hex(resource_sum) + Hex(scope_sum);
  AppendField(9, TextAttribute(kSumKey, sums), span);
  return span;
}

// The fields that the spans of one group have in common, some before and some behind its children.
struct Shared {
  std::string before;
  std::string behind;
  std::uint64_t sum() const { return Sum(behind, Sum(before)); }
};

Shared MakeResource(bench::Random& random) {
  std::string resource;
  AppendField(1, TextAttribute("service.name", "service-" + std::to_string(random.Below(50))),
              resource);
  AppendField(1, TextAttribute("f.id", Hex(random.Next())), resource);
  Shared shared;
  AppendField(1, resource, shared.before);
  AppendField(3, "https://example.com/resource/" + std::to_string(random.Below(3)), shared.behind);
  return shared;
}

Shared MakeScope(bench::Random& random) {
  std::string scope;
  AppendField(1, "scope-" + Hex(random.Next()), scope);
  AppendField(2, "1." + std::to_string(random.Below(9)), scope);
  Shared shared;
  AppendField(1, scope, shared.before);
  if (random.Below(2) == 0) AppendField(3, "https://example.com/scope", shared.behind);
  return shared;
}

// ---- reading ----------------------------------------------------------------------------------

bool TakeVarint(std::string_view& in, std::uint64_t& value) {
  value = 0;
  for (int shift = 0; shift < 64 && !in.empty(); shift += 7) {
    const auto byte = static_cast<std::uint8_t>(in.front());
    in.remove_prefix(1);
    value |= std::uint64_t{byte & 0x7fu} << shift;
    if ((byte & 0x80) == 0) return true;
  }
  return false;
}

struct Field {
  std::uint64_t number = 0;
  bool is_text = false;
  std::string_view value;  // of a text field
  std::string_view whole;  // with tag and length
};

// Takes the next field off `in`; false if there is none or it is broken.
bool TakeField(std::string_view& in, Field& field) {
  const std::string_view begin = in;
  std::uint64_t tag = 0;
  std::uint64_t length = 0;
  if (!TakeVarint(in, tag)) return false;
  field.number = tag >> 3;
  field.is_text = false;
  switch (tag & 7) {
    case 0:
      if (!TakeVarint(in, length)) return false;
      length = 0;
      break;
    case 1:
      length = 8;
      break;
    case 2:
      if (!TakeVarint(in, length)) return false;
      field.is_text = true;
      break;
    case 5:
      length = 4;
      break;
    default:
      return false;
  }
  if (length > in.size()) return false;
  field.value = in.substr(0, length);
  in.remove_prefix(length);
  field.whole = begin.substr(0, begin.size() - in.size());
  return true;
}

// Splits a group into its children and the sum over everything else. False if it is broken.
bool ReadGroup(std::string_view bytes, std::uint64_t child_field,
               std::vector<std::string_view>& children, std::uint64_t& shared_sum) {
  shared_sum = kSumSeed;
  for (Field field; !bytes.empty();) {
    if (!TakeField(bytes, field)) return false;
    if (field.is_text && field.number == child_field) {
      children.push_back(field.value);
    } else {
      shared_sum = Sum(field.whole, shared_sum);
    }
  }
  return true;
}

std::optional<SeenSpan> ReadSpan(std::string_view bytes, std::uint64_t resource_sum,
                                 std::uint64_t scope_sum) {
  static const std::size_t kSumFieldBytes = [] {
    std::string field;
    AppendField(9, TextAttribute(kSumKey, std::string(3 * kSumDigits, '0')), field);
    return field.size();
  }();
  SeenSpan seen;
  std::string_view rest = bytes;
  for (Field field; !rest.empty();) {
    if (!TakeField(rest, field)) return std::nullopt;
    if (field.number == 1 && field.value.size() == sizeof(bench::TraceId)) {
      seen.trace_number =
          bench::TraceNumber(reinterpret_cast<const std::uint8_t*>(field.value.data()));
    } else if (field.number == 2 && field.value.size() == sizeof(bench::SpanId)) {
      seen.span_number =
          bench::SpanNumber(reinterpret_cast<const std::uint8_t*>(field.value.data()));
    }
  }
  if (bytes.size() < kSumFieldBytes) return seen;
  const std::string_view sums = bytes.substr(bytes.size() - 3 * kSumDigits);
  const std::string_view body = bytes.substr(0, bytes.size() - kSumFieldBytes);
  seen.is_sum_right = sums.substr(0, kSumDigits) == Hex(Sum(body));
  seen.is_resource_right = sums.substr(kSumDigits, kSumDigits) == Hex(resource_sum);
  seen.is_scope_right = sums.substr(2 * kSumDigits) == Hex(scope_sum);
  return seen;
}

}  // namespace

TraceWindow::TraceWindow(std::uint64_t seed, std::uint64_t first_trace_number)
    : random_(seed), next_(first_trace_number) {
  while (active_.size() < kActiveTraces) active_.push_back(next_++);
}

TraceWindow TraceWindow::Of(std::uint64_t trace_number) { return TraceWindow(trace_number); }

std::uint64_t TraceWindow::Next() {
  if (active_.size() == 1) return active_.front();
  std::uint64_t& slot = active_[random_.Below(active_.size())];
  const std::uint64_t trace = slot;
  if (random_.Below(kSpansPerTraceMean) == 0) slot = next_++;
  return trace;
}

std::string MakeRequest(std::uint64_t seed, std::uint64_t request_number, std::size_t spans,
                        TraceWindow& traces) {
  assert(spans > 0 && spans <= kSpansPerRequestMax);
  bench::Random random(seed ^ (request_number * 0x9e3779b97f4a7c15));
  std::string request;
  std::uint64_t span_number = request_number * kSpansPerRequestMax;
  while (spans > 0) {
    const Shared resource = MakeResource(random);
    std::string resource_spans = resource.before;
    for (std::uint64_t scopes = 1 + random.Below(2); scopes > 0 && spans > 0; --scopes) {
      const Shared scope = MakeScope(random);
      std::string scope_spans = scope.before;
      for (std::size_t here = std::min<std::size_t>(spans, 1 + random.Below(40)); here > 0;
           --here, --spans) {
        AppendField(2, SpanBytes(random, span_number++, traces.Next(), resource.sum(), scope.sum()),
                    scope_spans);
      }
      AppendField(2, scope_spans + scope.behind, resource_spans);
    }
    AppendField(1, resource_spans + resource.behind, request);
  }
  return request;
}

std::optional<std::vector<SeenSpan>> ReadRequest(std::string_view bytes) {
  std::vector<SeenSpan> spans;
  std::vector<std::string_view> resources;
  std::uint64_t request_sum = 0;
  if (!ReadGroup(bytes, 1, resources, request_sum)) return std::nullopt;
  for (const std::string_view resource : resources) {
    std::vector<std::string_view> scopes;
    std::uint64_t resource_sum = 0;
    if (!ReadGroup(resource, 2, scopes, resource_sum)) return std::nullopt;
    for (const std::string_view scope : scopes) {
      std::vector<std::string_view> children;
      std::uint64_t scope_sum = 0;
      if (!ReadGroup(scope, 2, children, scope_sum)) return std::nullopt;
      for (const std::string_view child : children) {
        const auto span = ReadSpan(child, resource_sum, scope_sum);
        if (!span) return std::nullopt;
        spans.push_back(*span);
      }
    }
  }
  return spans;
}

}  // namespace faults
