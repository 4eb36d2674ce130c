#include "router/app/secrets.h"

#include <utility>

namespace router {

Result<void> Secrets::Load(const Config& config, TimePoint now) {
  const Config::Receiver& receiver = config.receiver;
  const milliseconds grace = config.auth_rotation.grace;
  Sources next = sources_;
  const auto load_tls = [&](TlsSource Sources::*source, const std::optional<TlsSettings>& settings,
                            const std::string& key) {
    const Result<void> loaded = (next.*source).Load(settings, key, now);
    if (!loaded) failed_ = source;
    return loaded;
  };
  failed_ = nullptr;
  Result<void> loaded = load_tls(&Sources::grpc_tls, receiver.tls, GrpcTlsKey(config));
  if (loaded) loaded = load_tls(&Sources::http_tls, receiver.http.tls, HttpTlsKey(config));
  if (loaded) loaded = load_tls(&Sources::backend_tls, config.exporter.tls, ExporterTlsKey(config));
  if (loaded) loaded = next.grpc_auth.Load(receiver.auth, grace, now);
  if (loaded) loaded = next.http_auth.Load(receiver.http.auth, grace, now);
  if (loaded) loaded = next.backend_auth.Load(config.exporter.auth);
  if (loaded) sources_ = std::move(next);
  return loaded;
}

void Secrets::CountFailedLoad() {
  if (failed_ != nullptr) (sources_.*failed_).CountFailedLoad();
}

bool Secrets::Poll(TimePoint now) {
  bool has_changed = sources_.grpc_auth.Poll(now);
  has_changed |= sources_.http_auth.Poll(now);
  has_changed |= sources_.backend_auth.Poll();
  has_changed |= sources_.grpc_tls.Poll(now);
  has_changed |= sources_.http_tls.Poll(now);
  has_changed |= sources_.backend_tls.Poll(now);
  return has_changed;
}

void Secrets::AddTo(WorkerOptions& options) const {
  options.ingress.auth = sources_.grpc_auth.policy();
  options.ingress.tls = sources_.grpc_tls.context();
  options.ingress.http.auth = sources_.http_auth.policy();
  options.ingress.http.tls = sources_.http_tls.context();
  options.backend.tls = sources_.backend_tls.context();
  if (const auto& header = sources_.backend_auth.header()) {
    options.backend.headers.push_back(*header);
  }
}

std::vector<TlsStats> Secrets::tls_stats() const {
  std::vector<TlsStats> stats;
  for (const TlsSource* source : {&sources_.grpc_tls, &sources_.http_tls, &sources_.backend_tls}) {
    if (source->context() != nullptr) stats.push_back(source->stats());
  }
  return stats;
}

}  // namespace router
