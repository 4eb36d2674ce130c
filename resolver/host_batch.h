// HostBatch: several host names looked up over one channel, a bounded number at a time.
//
// Thread safety: one thread, the channel's executor.
// Ownership: borrows the channel, which outlives the batch. Destroying the batch cancels it.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "resolver/host_lookup.h"

namespace resolver {

class HostBatch {
 public:
  static constexpr std::size_t kLookupsAtOnceMax = 32;
  using Callback = std::function<void(const std::vector<HostAnswer>&)>;

  // Starts at once. `callback` runs once, later, with one answer per host in the order of `hosts`;
  // it may destroy the batch. REQUIRES: !hosts.empty().
  HostBatch(boost::asio::any_io_executor executor, AresChannel& channel,
            std::vector<std::string> hosts, HostRules rules, Callback callback);
  HostBatch(const HostBatch&) = delete;
  HostBatch& operator=(const HostBatch&) = delete;
  ~HostBatch();

 private:
  void StartNext();
  void OnAnswer(std::size_t index, const HostAnswer& answer);

  boost::asio::any_io_executor executor_;
  AresChannel& channel_;
  std::vector<std::string> hosts_;
  HostRules rules_;
  Callback callback_;
  std::vector<HostAnswer> answers_;
  std::vector<std::unique_ptr<HostLookup>> lookups_;  // by index; null when done
  std::size_t next_ = 0;
  std::size_t done_ = 0;
};

}  // namespace resolver
