// TlsSource: the TLS of one listener or exporter while the process runs: settings, and files that
// change.
//
// Loaded when a configuration is taken over, and polled once a second: files that have changed are
// read when they have stayed as they are for one poll, since a certificate and its key are seldom
// written at once; with reload_interval also without a change. What cannot be used changes nothing
// but the log and the counters.
// Thread safety: control thread only; the contexts it gives out are immutable.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "router/admin/telemetry.h"
#include "router/app/config.h"
#include "router/app/file_watch.h"
#include "router/base/clock.h"
#include "router/base/result.h"
#include "router/transport/tls_context.h"

namespace router {

class TlsSource {
 public:
  enum class Side { kServer, kClient };

  // `protocols`, server only: for ALPN.
  explicit TlsSource(Side side, std::vector<std::string> protocols = {"h2"},
                     bool is_alpn_optional = false)
      : side_(side), protocols_(std::move(protocols)), is_alpn_optional_(is_alpn_optional) {}

  // From now on this, with what the files say now; nothing: plaintext. `key`: where the block
  // stands in the configuration. An error names the key, the file and the reason; then nothing has
  // changed.
  Result<void> Load(const std::optional<TlsSettings>& settings, const std::string& key,
                    TimePoint now);
  void CountFailedLoad() { ++stats_.failed_reloads; }
  // Looks after the files. True: context() is another one.
  bool Poll(TimePoint now);

  // Null: plaintext.
  const TlsContext::Ptr& context() const { return context_; }
  const TlsStats& stats() const { return stats_; }

 private:
  bool Reread(TimePoint now);
  Result<TlsContext::Ptr> Make(const TlsSettings& settings, const std::string& key) const;
  void Take(TlsContext::Ptr context, TimePoint now);

  Side side_;
  std::vector<std::string> protocols_;
  bool is_alpn_optional_;
  std::optional<TlsSettings> settings_;
  FileWatch watch_;
  TimePoint read_at_{};
  TlsContext::Ptr context_;
  TlsStats stats_;
};

// What the two ports of a receiver agree on by ALPN.
TlsSource GrpcTlsSource();
TlsSource HttpTlsSource();
// Where the blocks of `config` stand.
std::string GrpcTlsKey(const Config& config);
std::string HttpTlsKey(const Config& config);
std::string ExporterTlsKey(const Config& config);

// What would keep the TLS of `config` from working here and now, a sentence each: for `validate`.
std::vector<std::string> FindTlsTrouble(const Config& config);

}  // namespace router
