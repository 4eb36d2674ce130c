#include "resolver/dns_resolver.h"

#include <boost/system/error_code.hpp>
#include <cassert>
#include <optional>
#include <utility>

namespace resolver {

DnsResolver::DnsResolver(boost::asio::io_context& control, DnsOptions options, Listener& listener)
    : control_(control),
      options_(std::move(options)),
      listener_(listener),
      schedule_(options_.interval, options_.interval_min, options_.jitter_seed),
      timer_(control) {}

DnsResolver::~DnsResolver() = default;

void DnsResolver::TakeOverFrom(const DnsResolver& former) {
  assert(running_ == nullptr && former.running_ == nullptr);
  if (options_.hostname == former.options_.hostname && options_.port == former.options_.port &&
      options_.srv == former.options_.srv) {
    damping_ = former.damping_;
  }
}

void DnsResolver::Start() {
  assert(running_ == nullptr);
  running_ = std::make_shared<DnsResolver*>(this);
  Attempt();
}

void DnsResolver::Stop() {
  running_.reset();
  attempt_.reset();
  timer_.cancel();
}

void DnsResolver::Attempt() {
  attempt_ = std::make_unique<DnsAttempt>(
      control_.get_executor(), options_,
      [this](const EndpointAnswer& answer, const ResolutionReport& report) {
        OnAttempt(answer, report);
      });
}

void DnsResolver::OnAttempt(const EndpointAnswer& answer, const ResolutionReport& report) {
  attempt_.reset();
  const std::weak_ptr<DnsResolver*> running = running_;  // the listener may stop or destroy us
  if (report.outcome == Outcome::kSuccess) {
    if (const std::optional<EndpointSet> changed = damping_.Feed(answer)) {
      listener_.OnEndpoints(*changed);
      if (running.expired()) {
        return;
      }
    }
  }
  listener_.OnResolution(report);
  if (running.expired()) {
    return;
  }
  timer_.expires_after(schedule_.Next(report.ttl, report.elapsed));
  timer_.async_wait([running](const boost::system::error_code& error) {
    const auto self = running.lock();
    if (!error && self) {
      (*self)->Attempt();
    }
  });
}

}  // namespace resolver
