// ParseDnsAnswer: the bytes of a DNS answer → the records in it. Ours rather than c-ares', because
// it is what an attacker's bytes reach first: one pass, bounded work, no recursion, and the
// time to live of every record type. Fuzzed by tests/fuzz/dns_answer_fuzz.cc.
//
// Thread safety: pure.
// Cost: linear in the message; compression pointers must point backwards, so none can loop.
#pragma once

#include <boost/asio/ip/address.hpp>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "resolver/outcome.h"

namespace resolver {

inline constexpr std::uint16_t kDnsTypeA = 1;
inline constexpr std::uint16_t kDnsTypeCname = 5;
inline constexpr std::uint16_t kDnsTypeAaaa = 28;
inline constexpr std::uint16_t kDnsTypeSrv = 33;

struct SrvRecord {
  std::string target;  // lower case, no final dot, never empty
  std::uint16_t port = 0;
};

struct DnsAnswer {
  Outcome outcome = Outcome::kOther;
  // Canonical and dialable, in the order of the message, duplicates kept.
  std::vector<boost::asio::ip::address> addresses;
  std::vector<SrvRecord> services;
  // Records that no connection could use (0.0.0.0, multicast, port 0) and were left out.
  std::size_t unusable = 0;
  // The smallest time to live on the way to the records, aliases included; seconds.
  std::optional<std::uint32_t> ttl;
};

// Only records that belong to the name in the question are taken, through at most 16 aliases.
// A fault anywhere in the answer section, or the TC bit, spoils the whole answer: a part of a set
// must never pass for the set. Authority and additional sections are not read.
DnsAnswer ParseDnsAnswer(std::span<const std::uint8_t> message);

}  // namespace resolver
