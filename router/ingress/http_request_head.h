// HttpRequestHead: what the headers of one request over OTLP/HTTP say, as far as it matters here.
//
// Thread safety: a value. Nothing refers into the header block after Add() returns.
// Bounds: it keeps no path of a target over 8 KiB, no origin over 1 KiB, no list of names that a
// preflight asks for over 8 KiB: the answer says them back, in a block of headers that has a bound
// too.
// Source: rules HS-02, HS-03, HS-04, HS-06, HS-16.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "router/codec/compression.h"

namespace router {

struct HttpRequestHead {
  enum class Method : std::uint8_t { kOther, kPost, kOptions };
  enum class Type : std::uint8_t { kNone, kProtobuf, kJson, kGrpc, kOther };

  Method method = Method::kOther;
  Type type = Type::kNone;
  // Nothing: unknown, or several.
  std::optional<Compression> encoding = Compression::kNone;
  bool has_encoding = false;
  bool accepts_gzip = false;
  std::optional<std::uint64_t> content_length;
  bool is_target_too_long = false;
  std::string path;  // without the query

  // Of web pages; kept only if `keeps_origin`.
  bool keeps_origin = false;
  std::string origin;
  // Of OPTIONS only.
  std::string asked_method;
  std::string asked_headers;
  bool is_asking_too_much = false;  // the names were left out

  void Add(std::string_view name, std::string_view value);
  bool is_preflight() const { return method == Method::kOptions && !asked_method.empty(); }

 private:
  void AddOfPage(std::string_view name, std::string_view value);
};

}  // namespace router
