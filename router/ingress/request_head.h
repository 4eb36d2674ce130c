// RequestHead: what the headers of one gRPC request say, as far as it matters here.
//
// Thread safety: a value. Nothing refers into the header block after Add() returns.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "router/base/clock.h"
#include "router/codec/compression.h"

namespace router {

// What is asked for.
enum class Route : std::uint8_t {
  kUnknown,  // a gRPC method that is not served (rules P-02, GS-22)
  kTraceExport,
  kHealthCheck,
  kHealthWatch,
};

// For grpc-accept-encoding: every name that we take, separated by commas. Valid for ever.
std::string_view AcceptedEncodings();

struct RequestHead {
  Route route = Route::kUnknown;
  bool is_post = false;
  bool is_grpc = false;       // content-type application/grpc, or with a +suffix or ;parameter
  bool is_json_grpc = false;  // application/grpc+json and other codecs than proto
  std::optional<Compression> encoding = Compression::kNone;  // nothing: one we do not take
  std::optional<milliseconds> timeout;
  bool has_bad_timeout = false;

  void Add(std::string_view name, std::string_view value);
};

}  // namespace router
