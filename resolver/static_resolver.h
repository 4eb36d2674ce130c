// StaticResolver: the members of a fixed list, host names in it resolved again and again.
//
//   * the members are those of the list for ever; only where a host name points changes;
//   * the first set is told when every host name has been asked for once, well or badly, or after
//     kFirstSetWait: it joins the ring as a whole (docs/decisions/0006-join-when-connected.md). It
//     has the IP addresses and the names that have resolved: of the others nobody knows where to
//     connect to. They follow one by one, as they resolve;
//   * a host name stands for one of its addresses: the one in use while the name still has it, else
//     the lowest IPv4, else the lowest IPv6 address, so the order of an answer moves nothing;
//   * a name that fails keeps its last address. It moves at once when an answer says so: its place
//     on the ring goes by its name.
// Each name is asked for on its own, so that after the first set one slow name holds up no other.
//
// Thread safety: control thread only. Never calls the listener from inside Start() or Stop().
// Ownership: borrows the io_context and the listener, which outlive it. The destructor stops it.
// Every entry reports its attempts; an IP address reports one success. What ends before the first
// set is reported behind it. For a single answer, Stop() after as many OnResolution as there are
// entries.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "resolver/dns_attempt.h"
#include "resolver/dns_options.h"
#include "resolver/listener.h"
#include "resolver/refresh_schedule.h"

namespace resolver {

// One entry of the list.
struct StaticHost {
  std::string name;            // "ip:port" canonical, or "host:port"
  std::string collector_name;  // as written
  std::string host;
  std::uint16_t port = kDefaultPort;
};

// Reads an entry "host", "host:port", "ip", "ip:port", "[v6]:port"; no port is kDefaultPort. The
// failure is a sentence for a person.
tl::expected<StaticHost, std::string> ParseStaticHost(const std::string& text);

class StaticResolver {
 public:
  // How long the first set waits for names that are slow: longer than a first server that is silent
  // takes by default (DnsOptions::timeout).
  static constexpr std::chrono::milliseconds kFirstSetWait{1500};

  // Of `options` hostname, port and srv are not used. Entries of the same name count once.
  StaticResolver(boost::asio::io_context& control, std::vector<StaticHost> hosts,
                 const DnsOptions& options, Listener& listener);
  StaticResolver(const StaticResolver&) = delete;
  StaticResolver& operator=(const StaticResolver&) = delete;
  ~StaticResolver();

  // REQUIRES: not started before.
  void Start();

  // Ends it; the listener hears nothing more. May be called twice.
  void Stop();

 private:
  struct Member {
    Member(boost::asio::io_context& control, StaticHost static_host, DnsOptions dns_options);

    StaticHost host;
    DnsOptions options;
    std::optional<boost::asio::ip::address> address;  // the one in use
    bool is_literal;
    bool has_ended_once = false;  // an attempt, well or badly
    RefreshSchedule schedule;
    boost::asio::steady_timer timer;
    std::unique_ptr<DnsAttempt> attempt;
  };

  void Begin();
  void Attempt(Member& member);
  void OnAttempt(Member& member, const EndpointAnswer& answer, const ResolutionReport& report);
  bool IsFirstSetWhole() const;
  void AskLater(Member& member, const ResolutionReport& report);
  void Tell();
  void PublishIfChanged();

  boost::asio::io_context& control_;
  Listener& listener_;
  std::vector<std::unique_ptr<Member>> members_;
  EndpointSet current_;
  bool is_waiting_ = true;  // for the first set
  boost::asio::steady_timer first_set_timer_;
  std::vector<ResolutionReport> untold_;      // they wait with it
  std::shared_ptr<StaticResolver*> running_;  // handlers hold it weakly; null when stopped
};

}  // namespace resolver
