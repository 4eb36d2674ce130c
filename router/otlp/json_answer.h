// What an OTLP/HTTP client is answered: the response and google.rpc.Status, in JSON and, the
// latter, in binary.
//
// Thread safety: pure functions. Texts are made ASCII on the way, so any may be given.
// Rules: HS-04, HS-11, J-05.
#pragma once

#include <string>
#include <string_view>

#include "router/base/grpc_code.h"
#include "router/otlp/export_response.h"

namespace router {

// ExportTraceServiceResponse: "{}" for full success, else
// {"partialSuccess":{"rejectedSpans":"3","errorMessage":"…"}}. The same content as
// SerializeExportResponse.
std::string ExportResponseJson(const PartialSuccess& partial);

// google.rpc.Status: {"code":3,"message":"…"}. The message at most kJoinedMessageBytesMax long.
std::string StatusJson(GrpcCode code, std::string_view message);

// The same in binary.
std::string SerializeStatus(GrpcCode code, std::string_view message);

}  // namespace router
