// DnsAttempt: one resolution of a DnsOptions from the first question to the report. With `srv` the
// SRV records first, then the addresses of their targets. The first server is believed unless it
// says SERVFAIL or the like and there are others: then all is asked once more, passing over such
// servers.
//
// Thread safety: one thread, the executor's.
// Ownership: owns its channel. Destroying the attempt cancels it without a callback.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "resolver/ares_channel.h"
#include "resolver/dns_options.h"
#include "resolver/endpoint_damping.h"
#include "resolver/host_batch.h"
#include "resolver/listener.h"

namespace resolver {

class DnsAttempt {
 public:
  // `answer.endpoints` is empty unless the report says success.
  using Callback =
      std::function<void(const EndpointAnswer& answer, const ResolutionReport& report)>;

  // Starts at once. `callback` runs once, later, at the latest after options.attempt_max; it may
  // destroy the attempt. `options` outlives the attempt.
  DnsAttempt(boost::asio::any_io_executor executor, const DnsOptions& options, Callback callback);
  DnsAttempt(const DnsAttempt&) = delete;
  DnsAttempt& operator=(const DnsAttempt&) = delete;
  ~DnsAttempt();

 private:
  void Start();
  void AskForServices();
  void OnServices(const DnsAnswer& answer);
  void LookUpHosts(std::vector<std::string> hosts);
  void OnHosts(const std::vector<HostAnswer>& answers);
  void AddHost(std::size_t index, const HostAnswer& host, std::vector<Endpoint>& found);
  void FinishWith(Outcome outcome, std::string detail);
  void FinishRound();
  bool WantsSecondRound() const;
  void StartSecondRound();
  void Finish();

  boost::asio::any_io_executor executor_;
  const DnsOptions& options_;
  Callback callback_;
  std::chrono::steady_clock::time_point started_;
  boost::asio::steady_timer deadline_;
  HostRules rules_;
  std::unique_ptr<AresChannel> channel_;
  std::vector<std::string> service_names_;  // candidates for the SRV question
  std::size_t next_service_name_ = 0;
  bool saw_no_data_ = false;
  std::vector<std::vector<std::uint16_t>> ports_;  // SRV: by index of the target
  std::unique_ptr<HostBatch> batch_;
  EndpointAnswer answer_;
  ResolutionReport report_;
  bool saw_failing_server_ = false;
  std::optional<ResolutionReport> first_round_;  // once there is a second
  std::shared_ptr<DnsAttempt*> self_;            // handlers hold it weakly
};

}  // namespace resolver
