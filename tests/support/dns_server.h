// DnsServer: a scriptable DNS server on loopback, for tests, the demo and the interop runs. It has
// its own wire encoder, so that a fault in the code under test cannot hide behind the same fault
// here.
//
// Thread safety: every method from any thread. Runs on its own thread.
// Answers over UDP and TCP on one port; a UDP answer that would not fit what the client said it can
// take (EDNS0, else 512 bytes) is cut short with the TC bit, as real servers do.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace dnstest {

inline constexpr std::uint16_t kTypeA = 1;
inline constexpr std::uint16_t kTypeAaaa = 28;
inline constexpr std::uint16_t kTypeSrv = 33;

enum class Mode : std::uint8_t {
  kAnswer,            // the records; none of the type asked for: NODATA
  kTruncated,         // over UDP always cut short; over TCP as kAnswer
  kTruncatedForever,  // the TC bit over TCP as well
  kNoData,
  kNxDomain,
  kServFail,
  kRefused,
  kSilent,           // never answers
  kGarbage,          // random bytes, seeded
  kGarbageTail,      // right id and question, then random bytes in place of records
  kHuge,             // cut short over UDP; over TCP 65535 bytes: right id and question, then noise
  kWrongId,          // a good answer to somebody else's question
  kWrongQuestion,    // the right id, another name
  kPointerLoop,      // a record whose name is a compression pointer to itself
  kPointerChain,     // 64 KiB over TCP of pointers to pointers
  kLyingCounts,      // says 1000 records, holds one
  kLyingLength,      // a record that says it is longer than the message
  kStrangerRecords,  // good records that belong to another name
};

struct Service {
  std::string target;
  std::uint16_t port = 0;
};

// What to say about one name.
struct Script {
  Mode mode = Mode::kAnswer;
  // IPv4 and IPv6 texts together. The n-th question of each type is answered from the
  // n-th set, round and round: one set is constant, two are flapping.
  std::vector<std::vector<std::string>> address_sets;
  std::vector<Service> services;
  std::string alias;  // a CNAME to this name, whose own records follow it in the same answer
  std::uint32_t ttl = 30;
  std::chrono::milliseconds delay{0};
  std::map<std::uint16_t, Mode> mode_of_type;  // stands in for `mode` for that record type
};

// A name with the same addresses all the time.
Script Addresses(std::vector<std::string> addresses, std::uint32_t ttl = 30);
// The same with a mode.
Script InMode(Mode mode, std::vector<std::string> addresses = {"10.0.0.1"});
// `count` distinct IPv4 addresses from 10.0.0.0 upwards, skipping nothing.
std::vector<std::string> ManyAddresses(std::size_t count);

class DnsServer {
 public:
  // Listens on 127.0.0.1; port 0: any free one. Aborts with a message when it cannot.
  explicit DnsServer(std::uint16_t port = 0);
  DnsServer(const DnsServer&) = delete;
  DnsServer& operator=(const DnsServer&) = delete;
  ~DnsServer();

  std::uint16_t port() const;
  std::string address() const;  // "127.0.0.1:port"

  // Names are compared without regard to case; unknown ones do not exist (NXDOMAIN).
  void Set(const std::string& name, Script script);
  void Remove(const std::string& name);
  void SetAll(std::map<std::string, Script> scripts);

  // Without TCP connections are refused; UDP goes on.
  void SetTcp(bool enabled);

  // Questions that arrived, over UDP and TCP, for all names or one; of any type or one (0: any).
  std::size_t queries() const;
  std::size_t queries(const std::string& name, std::uint16_t type = 0) const;
  std::size_t tcp_queries() const;
  // What the last UDP question said it can take; 512 without EDNS0.
  std::size_t last_udp_size() const;

 private:
  class State;
  std::unique_ptr<State> state_;
};

}  // namespace dnstest
