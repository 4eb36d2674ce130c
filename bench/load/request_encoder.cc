#include "bench/load/request_encoder.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <string_view>

#include "bench/load/identity.h"

namespace bench {
namespace {

constexpr std::size_t kReadyMadeSpans = 64;
// A ready-made span begins with trace_id (tag, length, 16 bytes) and span_id (tag, length, 8
// bytes).
constexpr std::size_t kTraceIdOffset = 2;
constexpr std::size_t kSpanIdOffset = kTraceIdOffset + sizeof(TraceId) + 2;

template <typename Bytes>
void AppendVarint(std::uint64_t value, Bytes& out) {
  for (; value >= 128; value >>= 7) {
    out.push_back(static_cast<typename Bytes::value_type>(0x80 | (value & 0x7f)));
  }
  out.push_back(static_cast<typename Bytes::value_type>(value));
}

std::size_t VarintBytes(std::uint64_t value) {
  std::size_t bytes = 1;
  for (; value >= 128; value >>= 7) ++bytes;
  return bytes;
}

void AppendField(std::uint32_t field, std::string_view value, std::string& out) {
  AppendVarint(field << 3 | 2, out);
  AppendVarint(value.size(), out);
  out.append(value);
}

void AppendNumber(std::uint32_t field, std::uint64_t value, std::string& out) {
  AppendVarint(field << 3, out);
  AppendVarint(value, out);
}

void AppendFixed64(std::uint32_t field, std::uint64_t value, std::string& out) {
  AppendVarint(field << 3 | 1, out);
  for (int shift = 0; shift < 64; shift += 8) out.push_back(static_cast<char>(value >> shift));
}

std::string KeyValue(std::string_view key, const std::string& any_value) {
  std::string out;
  AppendField(1, key, out);
  AppendField(2, any_value, out);
  return out;
}

std::string Text(std::string_view key, std::string_view value) {
  std::string any;
  AppendField(1, value, any);
  return KeyValue(key, any);
}

std::string Integer(std::string_view key, std::uint64_t value) {
  std::string any;
  AppendNumber(3, value, any);
  return KeyValue(key, any);
}

std::string Hex(Random& random, int digits) {
  std::string out;
  for (int i = 0; i < digits; ++i) out.push_back("0123456789abcdef"[random.Below(16)]);
  return out;
}

std::string ResourceField() {
  std::string resource;
  AppendField(1, Text("service.name", "checkout"), resource);
  AppendField(1, Text("service.version", "4.17.2"), resource);
  AppendField(1, Text("service.instance.id", "0b0c5a0e-6f4e-4c8e-93b1-7b2f0f6d1a55"), resource);
  AppendField(1, Text("telemetry.sdk.name", "opentelemetry"), resource);
  AppendField(1, Text("telemetry.sdk.language", "java"), resource);
  AppendField(1, Text("telemetry.sdk.version", "1.65.0"), resource);
  AppendField(1, Text("k8s.pod.name", "checkout-6d9f7c9b7d-x2v5k"), resource);
  AppendField(1, Text("host.name", "node-17.eu-west.example"), resource);
  std::string field;
  AppendField(1, resource, field);
  return field;
}

std::string ScopeField() {
  std::string scope;
  AppendField(1, "io.opentelemetry.netty-4.1", scope);
  AppendField(2, "2.21.0-alpha", scope);
  std::string field;
  AppendField(1, scope, field);
  return field;
}

std::string ReadyMadeSpan(Random& random) {
  constexpr std::array<std::string_view, 4> kRoutes = {"/api/cart/{user}", "/api/checkout",
                                                       "/api/products/{id}", "/api/shipping/quote"};
  constexpr std::uint64_t kEpochNano = 1'780'000'000'000'000'000;
  const std::string_view route = kRoutes[random.Below(kRoutes.size())];
  const std::uint64_t start = kEpochNano + random.Below(1'000'000'000);
  std::string span;
  AppendField(1, std::string(sizeof(TraceId), '\0'), span);
  AppendField(2, std::string(sizeof(SpanId), '\0'), span);
  AppendField(4, Hex(random, 8), span);
  AppendField(5, "GET " + std::string(route), span);
  AppendNumber(6, 2, span);
  AppendFixed64(7, start, span);
  AppendFixed64(8, start + 1000 * (50 + random.Below(80'000)), span);
  AppendField(9, Text("http.request.method", "GET"), span);
  AppendField(9, Text("http.route", route), span);
  AppendField(9, Text("url.path", "/api/" + Hex(random, 10 + static_cast<int>(random.Below(20)))),
              span);
  AppendField(9, Integer("http.response.status_code", 200), span);
  AppendField(9, Text("server.address", "checkout.shop.svc.cluster.local"), span);
  AppendField(9, Integer("server.port", 8080), span);
  AppendField(9, Text("client.address", "10.42.7.213"), span);
  AppendField(9, Text("network.protocol.version", "1.1"), span);
  AppendField(9, Text("user_agent.original", "okhttp/4.12.0"), span);
  AppendField(9, Text("http.request.header.x-request-id", Hex(random, 14)), span);
  AppendField(9, Text("thread.name", "reactor-http-epoll-" + std::to_string(random.Below(9))),
              span);
  if (random.Below(8) == 0) {
    std::string event;
    AppendFixed64(1, start + 2000, event);
    AppendField(2, "exception", event);
    AppendField(3, Text("exception.type", "java.net.SocketTimeoutException"), event);
    AppendField(11, event, span);
  }
  AppendField(15, "", span);
  return span;
}

}  // namespace

TraceMix::TraceMix(const Options& options)
    : random_(options.seed),
      mean_spans_per_trace_(options.mean_spans_per_trace),
      next_trace_number_(options.first_trace_number) {
  for (std::uint32_t i = 0; i < options.active_traces; ++i) active_.push_back(next_trace_number_++);
}

std::uint64_t TraceMix::Next() {
  std::uint64_t& slot = active_[random_.Below(active_.size())];
  const std::uint64_t trace = slot;
  if (mean_spans_per_trace_ > 0 && random_.Below(mean_spans_per_trace_) == 0) {
    slot = next_trace_number_++;
  }
  return trace;
}

RequestEncoder::RequestEncoder(std::uint64_t seed)
    : random_(seed), resource_field_(ResourceField()), scope_field_(ScopeField()) {
  for (std::size_t i = 0; i < kReadyMadeSpans; ++i) spans_.push_back(ReadyMadeSpan(random_));
}

void RequestEncoder::AppendScopeSpans(std::uint32_t spans, TraceMix& mix,
                                      std::vector<std::uint8_t>& out) {
  std::size_t size = scope_field_.size();
  picks_.clear();
  for (std::uint32_t i = 0; i < spans; ++i) {
    picks_.push_back(static_cast<std::uint32_t>(random_.Below(spans_.size())));
    const std::size_t span_size = spans_[picks_.back()].size();
    size += 1 + VarintBytes(span_size) + span_size;
  }
  out.push_back(2 << 3 | 2);
  AppendVarint(size, out);
  out.insert(out.end(), scope_field_.begin(), scope_field_.end());
  for (const std::uint32_t pick : picks_) {
    const std::string& span = spans_[pick];
    out.push_back(2 << 3 | 2);
    AppendVarint(span.size(), out);
    const std::size_t begin = out.size();
    out.insert(out.end(), span.begin(), span.end());
    const TraceId trace_id = MakeTraceId(mix.Next());
    const SpanId span_id = MakeSpanId(next_span_number_++);
    std::memcpy(out.data() + begin + kTraceIdOffset, trace_id.data(), trace_id.size());
    std::memcpy(out.data() + begin + kSpanIdOffset, span_id.data(), span_id.size());
  }
}

void RequestEncoder::Encode(std::uint32_t spans, std::uint32_t resources, TraceMix& mix,
                            std::vector<std::uint8_t>& out) {
  out.clear();
  resources = std::clamp<std::uint32_t>(resources, 1, std::max<std::uint32_t>(spans, 1));
  std::vector<std::uint8_t> resource_spans;
  for (std::uint32_t i = 0; i < resources; ++i) {
    const std::uint32_t share = spans / resources + (i < spans % resources ? 1 : 0);
    resource_spans.clear();
    resource_spans.insert(resource_spans.end(), resource_field_.begin(), resource_field_.end());
    if (share >= 2) AppendScopeSpans(share / 2, mix, resource_spans);
    AppendScopeSpans(share - share / 2 * (share >= 2 ? 1 : 0), mix, resource_spans);
    out.push_back(1 << 3 | 2);
    AppendVarint(resource_spans.size(), out);
    out.insert(out.end(), resource_spans.begin(), resource_spans.end());
  }
}

}  // namespace bench
