// IngressContext: what the requests of one worker share, and the options that hold for them.
//
// Thread safety: its worker only.
// Ownership: borrows everything; all of it outlives the requests.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "router/auth/authenticator.h"
#include "router/base/memory_budget.h"
#include "router/base/worker_loop.h"
#include "router/codec/codec.h"
#include "router/forward/deadline.h"
#include "router/forward/forwarder.h"
#include "router/http1/http1_connection.h"
#include "router/http2/server_connection.h"
#include "router/ingress/cors.h"
#include "router/ingress/health_service.h"
#include "router/otlp/json_codec.h"

namespace router {

// OTLP over HTTP: `receivers.otlp.protocols.http`.
struct HttpFaceOptions {
  std::size_t request_bytes_max = std::size_t{64} << 20;  // also after decompression (rule HS-07)
  std::string traces_path = "/v1/traces";
  // What content-encoding may name, by Compression; kNone: requests without one.
  std::array<bool, kCompressionCount> compressions = {true, true, true, true, true, true};
  Cors cors;
  // Added to every answer; names in lower case.
  std::vector<std::pair<std::string, std::string>> response_headers;
  Http1Options connection;
  std::shared_ptr<const AuthPolicy> auth;  // as below, for this port
  TlsContext::Ptr tls = nullptr;
};

struct IngressOptions {
  std::size_t request_bytes_max = std::size_t{64} << 20;  // also after decompression (rule GS-02)
  DeadlineOptions deadline;
  std::shared_ptr<const AuthPolicy> auth;  // null: everyone is let in
  TlsContext::Ptr tls = nullptr;           // null: plaintext
  ServerConnectionOptions connection;
  HttpFaceOptions http;
};

struct IngressContext {
  WorkerLoop& loop;
  MemoryAccount& memory;
  Codec& codec;
  JsonCodec& json;
  Forwarder& forwarder;
  HealthService& health;
  Authenticator& authenticator;
  const IngressOptions& options;
};

}  // namespace router
