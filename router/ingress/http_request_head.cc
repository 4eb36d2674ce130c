#include "router/ingress/http_request_head.h"

#include <algorithm>
#include <charconv>

#include "router/base/ascii_text.h"
#include "router/base/limits.h"
#include "router/ingress/header_text.h"

namespace router {
namespace {

using Type = HttpRequestHead::Type;

constexpr std::size_t kTargetBytesMax = kRequestLineBytesMax;  // as HTTP/1 has it, about
constexpr std::size_t kOriginBytesMax = 1024;
constexpr std::size_t kAskedHeadersBytesMax = 8 * 1024;

Type TypeOf(std::string_view value) {
  const std::string_view type = TakeListItem(value, ';');
  if (IsSameText(type, "application/x-protobuf")) return Type::kProtobuf;
  if (IsSameText(type, "application/json")) return Type::kJson;
  if (IsSameText(type.substr(0, 16), "application/grpc")) return Type::kGrpc;
  return Type::kOther;
}

HttpRequestHead::Method MethodOf(std::string_view value) {
  if (value == "POST") return HttpRequestHead::Method::kPost;
  if (value == "OPTIONS") return HttpRequestHead::Method::kOptions;
  return HttpRequestHead::Method::kOther;
}

std::optional<Compression> EncodingOf(std::string_view value) {
  std::string lower(Trimmed(value));
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; });
  return CompressionFrom(lower);
}

}  // namespace

void HttpRequestHead::Add(std::string_view name, std::string_view value) {
  if (name == ":method") {
    method = MethodOf(value);
  } else if (name == ":path") {
    is_target_too_long = value.size() > kTargetBytesMax;
    if (!is_target_too_long) path = value.substr(0, value.find('?'));
  } else if (name == "content-type") {
    type = type == Type::kNone ? TypeOf(value) : Type::kOther;
  } else if (name == "content-encoding") {
    encoding = has_encoding ? std::nullopt : EncodingOf(value);
    has_encoding = true;
  } else if (name == "content-length") {
    std::uint64_t length = 0;
    const auto parsed = std::from_chars(value.data(), value.data() + value.size(), length);
    if (parsed.ec == std::errc()) content_length = length;
  } else if (name == "accept-encoding") {
    accepts_gzip |= AcceptsGzip(value);
  } else if (keeps_origin) {
    AddOfPage(name, value);
  }
}

void HttpRequestHead::AddOfPage(std::string_view name, std::string_view value) {
  if (name == "origin") {
    origin = value.size() <= kOriginBytesMax ? value : std::string_view();
  } else if (method != Method::kOptions) {
    return;
  } else if (name == "access-control-request-method") {
    asked_method = value;
  } else if (name == "access-control-request-headers") {
    is_asking_too_much = value.size() > kAskedHeadersBytesMax;
    asked_headers = is_asking_too_much ? std::string_view() : value;
  }
}

}  // namespace router
