// HostLookup: one host name → its IPv4 and IPv6 addresses, each family with its own outcome.
// Addresses and the hosts file first, then A and AAAA together for each name of the search list
// until one of them has records. An error ends the search: what a later domain holds under this
// name is somebody else's.
//
// Thread safety: one thread, the channel's executor.
// Ownership: borrows the channel, which outlives the lookup. Destroying the lookup cancels it.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/ip/address.hpp>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "resolver/ares_channel.h"
#include "resolver/dns_message.h"

namespace resolver {

struct HostAnswer {
  DnsAnswer v4;
  DnsAnswer v6;

  // Success if there is any address, else a failure if there was one, else what the server said.
  Outcome Combined() const;
  // The smaller of both families; none when no record carried one (hosts file).
  std::optional<std::uint32_t> Ttl() const;
};

// How names are completed and what is looked at before the DNS.
struct HostRules {
  AresChannel::SearchRules search;
  std::string hosts_file;  // empty: none
};

class HostLookup {
 public:
  using Callback = std::function<void(const HostAnswer&)>;

  // Starts at once. `callback` runs once, later; it may destroy the lookup.
  HostLookup(const boost::asio::any_io_executor& executor, AresChannel& channel,
             const std::string& host, const HostRules& rules, Callback callback);
  HostLookup(const HostLookup&) = delete;
  HostLookup& operator=(const HostLookup&) = delete;
  ~HostLookup();

 private:
  void AskNext();
  void OnAnswer(bool is_v4, const DnsAnswer& answer);
  void Finish(HostAnswer answer);

  AresChannel& channel_;
  std::vector<std::string> names_;
  Callback callback_;
  std::size_t next_ = 0;  // index into names_
  int outstanding_ = 0;   // questions under way
  bool saw_no_data_ = false;
  HostAnswer current_;
  std::shared_ptr<HostLookup*> self_;  // handlers hold it weakly
};

}  // namespace resolver
