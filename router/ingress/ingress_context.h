// IngressContext: what the requests of one worker share, and the options that hold for them.
//
// Thread safety: its worker only.
// Ownership: borrows everything; all of it outlives the requests.
#pragma once

#include <cstddef>
#include <memory>

#include "router/auth/authenticator.h"
#include "router/base/memory_budget.h"
#include "router/base/worker_loop.h"
#include "router/codec/codec.h"
#include "router/forward/deadline.h"
#include "router/forward/forwarder.h"
#include "router/http2/server_connection.h"
#include "router/ingress/health_service.h"

namespace router {

struct IngressOptions {
  std::size_t request_bytes_max = std::size_t{64} << 20;  // also after decompression (rule GS-02)
  DeadlineOptions deadline;
  std::shared_ptr<const AuthPolicy> auth;  // nullptr: everyone is let in
  ServerConnectionOptions connection;
  TlsContext::Ptr tls = nullptr;  // of the gRPC port; null: plaintext
};

struct IngressContext {
  WorkerLoop& loop;
  MemoryAccount& memory;
  Codec& codec;
  Forwarder& forwarder;
  HealthService& health;
  Authenticator& authenticator;
  const IngressOptions& options;
};

}  // namespace router
