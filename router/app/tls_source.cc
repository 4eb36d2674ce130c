#include "router/app/tls_source.h"

#include <chrono>
#include <utility>

#include "router/base/log.h"

namespace router {
namespace {

using std::chrono::system_clock;

void WarnOfExpired(const TlsStats& stats) {
  for (const TlsContext::Certificate& certificate : stats.certificates) {
    if (certificate.expires > system_clock::now()) continue;
    spdlog::warn("{}: {} {}: expired at {}; peers will refuse it", stats.key, certificate.key,
                 Printable(certificate.source), TextOf(certificate.expires));
  }
}

}  // namespace

Result<TlsContext::Ptr> TlsSource::Make(const TlsSettings& settings, const std::string& key) const {
  Result<TlsContext::Ptr> made =
      side_ == Side::kServer ? TlsContext::NewServer(settings, protocols_, is_alpn_optional_)
                             : TlsContext::NewClient(settings);
  if (!made) return Failure(key + ": " + Printable(made.error().message, 1024));
  return made;
}

Result<void> TlsSource::Load(const std::optional<TlsSettings>& settings, const std::string& key,
                             TimePoint now) {
  FileWatch watch;
  watch.Watch(settings ? FilesOf(*settings) : std::vector<std::string>());
  TlsContext::Ptr context;
  if (settings) {
    Result<TlsContext::Ptr> made = Make(*settings, key);
    if (!made) return tl::unexpected(made.error());
    context = *std::move(made);
  }
  if (context != nullptr && context_ != nullptr) ++stats_.reloads;
  settings_ = settings;
  stats_.key = key;
  watch_ = std::move(watch);
  Take(std::move(context), now);
  return {};
}

void TlsSource::Take(TlsContext::Ptr context, TimePoint now) {
  context_ = std::move(context);
  read_at_ = now;
  stats_.certificates.clear();
  if (context_ != nullptr) stats_.certificates = context_->certificates();
  WarnOfExpired(stats_);
}

bool TlsSource::Reread(TimePoint now) {
  read_at_ = now;
  Result<TlsContext::Ptr> made = Make(*settings_, stats_.key);
  if (!made) {
    if (watch_.IsNews()) {
      ++stats_.failed_reloads;
      spdlog::error("{}; what was read before stays", made.error().message);
    }
    return false;
  }
  watch_.MarkRead();
  ++stats_.reloads;
  Take(*std::move(made), now);
  spdlog::info("{}: read again", stats_.key);
  return true;
}

bool TlsSource::Poll(TimePoint now) {
  if (!settings_) return false;
  const bool has_changed = watch_.HasChanged();
  const bool is_due =
      settings_->reload_interval > milliseconds(0) && now - read_at_ >= settings_->reload_interval;
  return (has_changed || is_due) && Reread(now);
}

TlsSource GrpcTlsSource() { return TlsSource(TlsSource::Side::kServer, {"h2"}, false); }

TlsSource HttpTlsSource() { return TlsSource(TlsSource::Side::kServer, {"h2", "http/1.1"}, true); }

std::string GrpcTlsKey(const Config& config) {
  return "receivers." + config.receiver.id + ".protocols.grpc.tls";
}

std::string HttpTlsKey(const Config& config) {
  return "receivers." + config.receiver.id + ".protocols.http.tls";
}

std::string ExporterTlsKey(const Config& config) {
  return "exporters." + config.exporter.id + ".protocol.otlp.tls";
}

std::vector<std::string> FindTlsTrouble(const Config& config) {
  std::vector<std::string> trouble;
  const auto look = [&](TlsSource::Side side, const std::optional<TlsSettings>& settings,
                        const std::string& key) {
    const Result<void> done = TlsSource(side).Load(settings, key, Clock::now());
    if (!done) trouble.push_back(done.error().message);
  };
  look(TlsSource::Side::kServer, config.receiver.tls, GrpcTlsKey(config));
  look(TlsSource::Side::kServer, config.receiver.http.tls, HttpTlsKey(config));
  look(TlsSource::Side::kClient, config.exporter.tls, ExporterTlsKey(config));
  return trouble;
}

}  // namespace router
