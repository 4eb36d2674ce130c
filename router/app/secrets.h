// Secrets: what a running configuration has in files: credentials and certificates of both ports
// and towards backends.
//
// Thread safety: control thread only; what it gives to workers is immutable.
#pragma once

#include <vector>

#include "router/admin/telemetry.h"
#include "router/app/auth_sources.h"
#include "router/app/config.h"
#include "router/app/tls_source.h"
#include "router/app/worker.h"
#include "router/base/clock.h"
#include "router/base/result.h"

namespace router {

class Secrets {
 public:
  // From now on those of `config`, as the files are now. All or nothing: after an error, which
  // names key, file and reason, everything is as it was.
  Result<void> Load(const Config& config, TimePoint now);
  // The error of the last Load() has been told. It counts, if it was that of a certificate.
  void CountFailedLoad();
  // Looks after the files. True: something is another one.
  bool Poll(TimePoint now);
  void AddTo(WorkerOptions& options) const;
  // Of those that are in use.
  std::vector<TlsStats> tls_stats() const;

 private:
  struct Sources {
    ReceiverAuth grpc_auth;
    ReceiverAuth http_auth;
    ExporterAuth backend_auth;
    TlsSource grpc_tls = GrpcTlsSource();
    TlsSource http_tls = HttpTlsSource();
    TlsSource backend_tls{TlsSource::Side::kClient};
  };

  Sources sources_;
  TlsSource Sources::*failed_ = nullptr;  // whose files the last Load() could not use
};

}  // namespace router
