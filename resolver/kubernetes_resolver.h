// KubernetesResolver: keeps the set of endpoints behind one Kubernetes Service up to date, from its
// EndpointSlices (docs/decisions/0015-endpointslices.md).
//
// What it promises:
//   * an endpoint joins when it is ready, and leaves as soon as Kubernetes says that it is not
//   ready,
//     terminating or gone: that is knowledge and no guess, so unlike with DNS nothing is damped;
//   * whatever fails, and an answer in which no endpoint is ready, leaves the last good set alone;
//   * events that come within `settle` of each other are one change;
//   * a set is reported only when it differs from the one before. An attempt is reported for each
//     list, each change, each renewal of the watch, and each failure.
//
// Thread safety: control thread only. Never calls the listener from inside Start() or Stop().
// Ownership: borrows the io_context and the listener, which outlive it. The destructor stops it.
// For a single answer, Stop() in the first OnResolution.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "resolver/kubernetes_options.h"
#include "resolver/listener.h"
#include "resolver/slice_store.h"
#include "resolver/slice_watch.h"

namespace resolver {

class KubernetesResolver : private SliceWatch::Observer {
 public:
  KubernetesResolver(boost::asio::io_context& control, KubernetesOptions options,
                     Listener& listener);
  KubernetesResolver(const KubernetesResolver&) = delete;
  KubernetesResolver& operator=(const KubernetesResolver&) = delete;
  ~KubernetesResolver() override;

  // REQUIRES: not started before.
  void Start();

  // Ends it; the listener hears nothing more. May be called twice.
  void Stop();

 private:
  void OnSlices(std::vector<EndpointSlice> slices) override;
  void OnEvent(SliceEvent event) override;
  void OnUnchanged() override;
  void OnFailure(const ApiFailure& failure) override;

  // Tells the set if it is another one, then the attempt.
  void Publish();
  std::string WhyNone(const SliceStore::Members& members) const;

  boost::asio::io_context& control_;
  const KubernetesOptions options_;
  Listener& listener_;
  SliceStore store_;
  EndpointSet current_;
  bool is_settling_ = false;  // a change waits to be published
  boost::asio::steady_timer timer_;
  std::unique_ptr<SliceWatch> watch_;
  std::shared_ptr<KubernetesResolver*> running_;  // handlers hold it weakly; null when stopped
};

}  // namespace resolver
