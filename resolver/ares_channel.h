// AresChannel: DNS questions through c-ares, its sockets and time-outs driven by one executor.
//
// Thread safety: one thread, the executor's. Nothing is shared between channels and nothing global
// is initialised.
// Ownership: c-ares opens and closes the sockets; we only watch them, and let go of each before
// c-ares closes it. The destructor ends everything: no callback runs after it. A new channel
// reads resolv.conf afresh and asks from new ports, so make one per attempt.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "resolver/dns_message.h"

namespace resolver {

struct AresChannelOptions {
  std::chrono::milliseconds timeout{1000};  // of the first try; later tries wait longer
  int tries = 2;                            // per server
  std::vector<std::string> servers;         // "ip", "ip:port", "[v6]:port"; empty: resolv.conf
  // False: the first server that answers is believed, SERVFAIL and REFUSED included. True: such an
  // answer makes c-ares ask the next server; when all of them fail it no longer knows why and the
  // outcome is kConnectionRefused.
  bool pass_over_failing_servers = false;
};

class AresChannel {
  class State;

 public:
  using Callback = std::function<void(const DnsAnswer&)>;

  // The failure says what c-ares did not like.
  static tl::expected<std::unique_ptr<AresChannel>, std::string> Make(
      boost::asio::any_io_executor executor, const AresChannelOptions& options);

  explicit AresChannel(std::shared_ptr<State> state);  // use Make
  AresChannel(const AresChannel&) = delete;
  AresChannel& operator=(const AresChannel&) = delete;
  ~AresChannel();

  // Asks for the records of `type` at exactly `name` (no search domains). `callback` runs once,
  // later, never from inside Query; not at all when the channel is destroyed first.
  void Query(const std::string& name, std::uint16_t type, Callback callback);

  // Where a name without a final dot is looked for, from resolv.conf.
  struct SearchRules {
    std::vector<std::string> domains;
    int dots_min = 1;
  };
  const SearchRules& search_rules() const;

  std::size_t server_count() const;

  // True once a question has gone over TCP, which happens only after a truncated answer.
  bool used_tcp() const;

 private:
  std::shared_ptr<State> state_;
};

}  // namespace resolver
