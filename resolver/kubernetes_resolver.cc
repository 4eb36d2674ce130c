#include "resolver/kubernetes_resolver.h"

#include <boost/system/error_code.hpp>
#include <cassert>
#include <utility>

namespace resolver {

KubernetesResolver::KubernetesResolver(boost::asio::io_context& control, KubernetesOptions options,
                                       Listener& listener)
    : control_(control), options_(std::move(options)), listener_(listener), timer_(control) {}

KubernetesResolver::~KubernetesResolver() = default;

void KubernetesResolver::Start() {
  assert(running_ == nullptr);
  running_ = std::make_shared<KubernetesResolver*>(this);
  SliceWatch::Observer& self = *this;
  watch_ = std::make_unique<SliceWatch>(control_, options_, self);
}

void KubernetesResolver::Stop() {
  running_.reset();
  watch_.reset();
  timer_.cancel();
}

void KubernetesResolver::OnSlices(std::vector<EndpointSlice> slices) {
  store_.Replace(std::move(slices));
  Publish();
}

void KubernetesResolver::OnEvent(SliceEvent event) {
  if (event.type == SliceEvent::Type::kDelete) {
    store_.Delete(event.slice.name);
  } else if (!store_.Put(std::move(event.slice))) {
    OnFailure({Outcome::kMalformed, "the Service has more than " +
                                        std::to_string(SliceStore::kSlicesMax) +
                                        " EndpointSlices; the others are left out"});
    return;
  }
  if (std::exchange(is_settling_, true)) return;
  timer_.expires_after(options_.settle);
  timer_.async_wait([running = std::weak_ptr(running_)](const boost::system::error_code& error) {
    // Publish asks whether the listener has stopped us: no hold on `running` while it runs.
    KubernetesResolver* const self = running.expired() ? nullptr : *running.lock();
    if (!error && self != nullptr) self->Publish();
  });
}

void KubernetesResolver::OnUnchanged() {
  if (!is_settling_) Publish();
}

void KubernetesResolver::OnFailure(const ApiFailure& failure) {
  ResolutionReport report;
  report.hostname = options_.service + "." + options_.service_namespace;
  report.outcome = report.v4 = report.v6 = failure.outcome;
  report.detail = failure.detail;
  listener_.OnResolution(report);
}

std::string KubernetesResolver::WhyNone(const SliceStore::Members& members) const {
  if (store_.size() == 0) {
    return "no EndpointSlice has the label kubernetes.io/service-name=" + options_.service +
           " in namespace " + options_.service_namespace + ": is there such a Service?";
  }
  if (options_.return_hostnames && members.unusable > 0) {
    return "no ready endpoint has a hostname; return_hostnames needs a headless Service that is "
           "the serviceName of a StatefulSet";
  }
  return "none of " + std::to_string(members.known) + " endpoints is ready";
}

void KubernetesResolver::Publish() {
  is_settling_ = false;
  timer_.cancel();
  SliceStore::Members members = store_.MembersFor(options_);
  ResolutionReport report;
  report.hostname = options_.service + "." + options_.service_namespace;
  report.v4 = report.v6 = Outcome::kNoData;
  for (const Endpoint& endpoint : members.endpoints) {
    (endpoint.address.address().is_v4() ? report.v4 : report.v6) = Outcome::kSuccess;
  }
  report.outcome = members.endpoints.empty() ? Outcome::kNoData : Outcome::kSuccess;
  report.records = members.endpoints.size();
  report.cut = members.cut;
  report.unusable = members.unusable;
  if (members.endpoints.empty()) report.detail = WhyNone(members);
  if (!members.endpoints.empty() && members.endpoints != current_) {
    const std::weak_ptr<KubernetesResolver*> running = running_;  // the listener may stop us
    current_ = std::move(members.endpoints);
    const EndpointSet told = current_;
    listener_.OnEndpoints(told);
    if (running.expired()) return;
  }
  listener_.OnResolution(report);
}

}  // namespace resolver
