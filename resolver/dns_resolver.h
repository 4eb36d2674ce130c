// DnsResolver: keeps the set of endpoints behind one DNS name up to date.
//
// What it promises:
//   * an error, an unknown name, an empty or a broken answer never removes a member (FM-19 …
//   FM-22);
//     additions count at once, removals as EndpointDamping says;
//   * a set is reported only when it differs from the one before, an attempt always;
//   * A and AAAA are asked together and an attempt ends when both have ended. If one of them
//   failed,
//     the members of the other family are taken and those of the failed family kept;
//   * with `srv` the failure of one target's addresses keeps every member of that family;
//   * one that asks for the same in another way can go on with what a former one has found out;
//   * resolv.conf and the hosts file are read again for each attempt.
//
// Thread safety: control thread only. Never calls the listener from inside Start() or Stop().
// Ownership: borrows the io_context and the listener, which outlive it. The destructor stops it.
// For a single answer, Stop() in the first OnResolution.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>

#include "resolver/dns_attempt.h"
#include "resolver/dns_options.h"
#include "resolver/endpoint_damping.h"
#include "resolver/listener.h"
#include "resolver/refresh_schedule.h"

namespace resolver {

class DnsResolver {
 public:
  DnsResolver(boost::asio::io_context& control, DnsOptions options, Listener& listener);
  DnsResolver(const DnsResolver&) = delete;
  DnsResolver& operator=(const DnsResolver&) = delete;
  ~DnsResolver();

  // Takes over the set of `former` and who is missing from it, so that its members leave by the
  // same rules as there; a first answer with that set is no change. Nothing, when hostname, port or
  // srv differ. REQUIRES: neither this started nor `former` running.
  void TakeOverFrom(const DnsResolver& former);

  // Asks for the first time and from then on at every interval. REQUIRES: not started before.
  void Start();

  // Ends it, an attempt under way included; the listener hears nothing more. May be called twice.
  void Stop();

 private:
  void Attempt();
  void OnAttempt(const EndpointAnswer& answer, const ResolutionReport& report);

  boost::asio::io_context& control_;
  const DnsOptions options_;
  Listener& listener_;
  EndpointDamping damping_;
  RefreshSchedule schedule_;
  boost::asio::steady_timer timer_;
  std::unique_ptr<DnsAttempt> attempt_;
  std::shared_ptr<DnsResolver*> running_;  // handlers hold it weakly; null when stopped
};

}  // namespace resolver
