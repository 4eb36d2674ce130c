// The DNS wire format as the test server speaks it: reading a question, writing any answer, broken
// ones included.
// Thread safety: pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "tests/support/dns_server.h"

namespace dnstest {

using Bytes = std::vector<std::uint8_t>;

struct Question {
  std::uint16_t id = 0;
  std::string name;  // lower case, no final dot
  std::uint16_t type = 0;
  std::size_t udp_size = 512;
};

std::optional<Question> ReadQuestion(std::span<const std::uint8_t> message);

// A question as a client would send it, for tests of the server alone.
Bytes WriteQuestion(const Question& question);

struct AnswerPlan {
  Mode mode = Mode::kAnswer;
  std::vector<std::string> addresses;  // of the family asked for
  std::vector<Service> services;
  std::string alias;
  std::uint32_t ttl = 30;
  bool over_tcp = false;
};

// The answer; nothing when the plan is silence.
std::optional<Bytes> WriteAnswer(const Question& question, const AnswerPlan& plan,
                                 std::mt19937& random);

}  // namespace dnstest
