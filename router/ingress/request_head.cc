#include "router/ingress/request_head.h"

#include <string>

#include "router/http2/grpc_header.h"

namespace router {
namespace {

Route RouteOf(std::string_view path) {
  if (path == "/opentelemetry.proto.collector.trace.v1.TraceService/Export") {
    return Route::kTraceExport;
  }
  if (path == "/grpc.health.v1.Health/Check") return Route::kHealthCheck;
  if (path == "/grpc.health.v1.Health/Watch") return Route::kHealthWatch;
  return Route::kUnknown;
}

}  // namespace

std::string_view AcceptedEncodings() {
  static const std::string names = [] {
    std::string list(NameOf(Compression::kNone));
    for (const Compression compression :
         {Compression::kGzip, Compression::kZlib, Compression::kZstd, Compression::kSnappy,
          Compression::kLz4}) {
      const std::string_view name = NameOf(compression);
      if (CompressionFrom(name) == compression) list.append(",").append(name);
    }
    return list;
  }();
  return names;
}

void RequestHead::Add(std::string_view name, std::string_view value) {
  if (name == ":path") {
    route = RouteOf(value);
  } else if (name == ":method") {
    is_post = value == "POST";
  } else if (name == "content-type") {
    constexpr std::string_view kGrpc = "application/grpc";
    const std::string_view rest = value.starts_with(kGrpc) ? value.substr(kGrpc.size()) : "-";
    is_grpc = rest.empty() || rest[0] == '+' || rest[0] == ';';
    is_json_grpc = is_grpc && rest.starts_with('+') && !rest.starts_with("+proto");
  } else if (name == "grpc-encoding") {
    encoding = CompressionFrom(value);
  } else if (name == "grpc-timeout") {
    timeout = ParseGrpcTimeout(value);
    has_bad_timeout = !timeout.has_value();
  }
}

}  // namespace router
