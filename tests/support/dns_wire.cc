#include "tests/support/dns_wire.h"

#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <cctype>
#include <string_view>
#include <utility>

namespace dnstest {
namespace {

constexpr std::uint16_t kClassIn = 1;
constexpr std::uint16_t kTypeCname = 5;
constexpr std::uint16_t kTypeOpt = 41;
constexpr std::size_t kHeaderBytes = 12;
constexpr std::size_t kMessageBytesMax = 65'535;
constexpr std::uint16_t kPointerToQuestion = 0xC000U | kHeaderBytes;

void Put8(Bytes& out, unsigned value) { out.push_back(static_cast<std::uint8_t>(value)); }
void Put16(Bytes& out, unsigned value) {
  Put8(out, value >> 8U & 0xFFU);
  Put8(out, value & 0xFFU);
}
void Put32(Bytes& out, std::uint32_t value) {
  Put16(out, value >> 16U);
  Put16(out, value & 0xFFFFU);
}

void PutName(Bytes& out, std::string_view name) {
  while (!name.empty()) {
    const std::string_view label = name.substr(0, name.find('.'));
    Put8(out, static_cast<unsigned>(label.size()));
    out.insert(out.end(), label.begin(), label.end());
    name.remove_prefix(std::min(name.size(), label.size() + 1));
  }
  Put8(out, 0);
}

void PutHeader(Bytes& out, std::uint16_t id, unsigned flags, std::size_t records) {
  Put16(out, id);
  Put16(out, flags);
  Put16(out, 1);
  Put16(out, static_cast<unsigned>(records));
  Put32(out, 0);
}

void PutQuestion(Bytes& out, std::string_view name, std::uint16_t type) {
  PutName(out, name);
  Put16(out, type);
  Put16(out, kClassIn);
}

void PutNoise(Bytes& out, std::size_t count, std::mt19937& random) {
  for (std::size_t i = 0; i < count; ++i) {
    Put8(out, random() & 0xFFU);
  }
}

// One record; its owner is the question's name or, if given, `owner`.
void PutRecord(Bytes& out, std::string_view owner, std::uint16_t type, std::uint32_t ttl,
               const Bytes& data) {
  if (owner.empty()) {
    Put16(out, kPointerToQuestion);
  } else {
    PutName(out, owner);
  }
  Put16(out, type);
  Put16(out, kClassIn);
  Put32(out, ttl);
  Put16(out, static_cast<unsigned>(data.size()));
  out.insert(out.end(), data.begin(), data.end());
}

Bytes AddressData(const std::string& text) {
  const auto address = boost::asio::ip::make_address(text);
  if (address.is_v4()) {
    const auto bytes = address.to_v4().to_bytes();
    return {bytes.begin(), bytes.end()};
  }
  const auto bytes = address.to_v6().to_bytes();
  return {bytes.begin(), bytes.end()};
}

Bytes ServiceData(const Service& service) {
  Bytes data;
  Put32(data, 0);  // priority, weight
  Put16(data, service.port);
  PutName(data, service.target);
  return data;
}

constexpr unsigned kAnswerFlags = 0x8180U;  // response, recursion desired and available
constexpr unsigned kTruncatedFlag = 0x0200U;

Bytes CodeOnly(const Question& question, unsigned code) {
  Bytes out;
  PutHeader(out, question.id, kAnswerFlags | code, 0);
  PutQuestion(out, question.name, question.type);
  return out;
}

// The records of the plan, honestly told.
Bytes Honest(const Question& question, const AnswerPlan& plan) {
  Bytes records;
  std::size_t count = 0;
  if (!plan.alias.empty()) {
    Bytes target;
    PutName(target, plan.alias);
    PutRecord(records, "", kTypeCname, plan.ttl, target);
    ++count;
  }
  const std::string owner = plan.mode == Mode::kStrangerRecords ? "stranger.test" : plan.alias;
  for (const std::string& address : plan.addresses) {
    PutRecord(records, owner, question.type, plan.ttl, AddressData(address));
    ++count;
  }
  if (question.type == kTypeSrv) {
    for (const Service& service : plan.services) {
      PutRecord(records, owner, kTypeSrv, plan.ttl, ServiceData(service));
      ++count;
    }
  }
  Bytes out;
  PutHeader(out, question.id, kAnswerFlags, count);
  PutQuestion(out, question.name, question.type);
  out.insert(out.end(), records.begin(), records.end());
  const std::size_t limit = plan.over_tcp ? kMessageBytesMax : question.udp_size;
  const bool cut = plan.mode == Mode::kTruncatedForever ||
                   (plan.mode == Mode::kTruncated && !plan.over_tcp) || out.size() > limit;
  if (cut) {
    out = CodeOnly(question, kTruncatedFlag);
  }
  return out;
}

Bytes Chain(const Question& question) {
  Bytes out;
  PutHeader(out, question.id, kAnswerFlags, 4000);
  PutQuestion(out, question.name, question.type);
  // One record full of pointers, each to the one before; then names that enter at the far end.
  const std::size_t start = out.size() + kHeaderBytes;
  Bytes ladder;
  Put16(ladder, kPointerToQuestion);
  while (start + ladder.size() < 0x3FF0U) {
    Put16(ladder, static_cast<unsigned>(0xC000U | (start + ladder.size() - 2)));
  }
  PutRecord(out, "", 16, 30, ladder);
  const auto last = static_cast<unsigned>(0xC000U | (start + ladder.size() - 2));
  while (out.size() + 16 <= kMessageBytesMax) {
    Put16(out, last);
    Put16(out, question.type);
    Put16(out, kClassIn);
    Put32(out, 30);
    Put16(out, 4);
    Put32(out, 0x0A000001U);
  }
  return out;
}

Bytes Lie(const Question& question, const AnswerPlan& plan, std::mt19937& random) {
  Bytes out;
  const std::size_t records = plan.mode == Mode::kLyingCounts ? 1000 : 1;
  PutHeader(out, question.id, kAnswerFlags, records);
  PutQuestion(out, question.name, question.type);
  switch (plan.mode) {
    case Mode::kPointerLoop:
      Put16(out, static_cast<unsigned>(0xC000U | out.size()));
      PutNoise(out, 14, random);
      break;
    case Mode::kLyingCounts:
      PutRecord(out, "", kTypeA, plan.ttl, {10, 0, 0, 66});
      break;
    case Mode::kLyingLength:
      PutRecord(out, "", kTypeA, plan.ttl, {10, 0, 0, 66});
      out[out.size() - 6] = 0xFF;
      break;
    case Mode::kHuge:
      PutNoise(out, kMessageBytesMax - out.size(), random);
      break;
    default:
      PutNoise(out, 200, random);
      break;
  }
  return out;
}

}  // namespace

std::optional<Question> ReadQuestion(std::span<const std::uint8_t> message) {
  const auto u16 = [&](std::size_t at) {
    return static_cast<std::uint16_t>(message[at] << 8 | message[at + 1]);
  };
  if (message.size() < kHeaderBytes || u16(4) != 1) {
    return std::nullopt;
  }
  Question question;
  question.id = u16(0);
  std::size_t at = kHeaderBytes;
  while (at < message.size() && message[at] != 0) {
    const std::size_t length = message[at++];
    if (length > 63 || at + length >= message.size()) {
      return std::nullopt;
    }
    question.name.append(question.name.empty() ? "" : ".");
    for (const std::uint8_t c : message.subspan(at, length)) {
      question.name.push_back(static_cast<char>(std::tolower(c)));
    }
    at += length;
  }
  if (at + 5 > message.size()) {
    return std::nullopt;
  }
  question.type = u16(at + 1);
  at += 5;
  const bool edns = u16(10) == 1 && at + 5 <= message.size() && u16(at + 1) == kTypeOpt;
  question.udp_size = edns ? std::max<std::size_t>(512, u16(at + 3)) : 512;
  return question;
}

Bytes WriteQuestion(const Question& question) {
  Bytes out;
  PutHeader(out, question.id, 0x0100U, 0);
  PutQuestion(out, question.name, question.type);
  if (question.udp_size > 512) {
    out[11] = 1;
    Put8(out, 0);
    Put16(out, kTypeOpt);
    Put16(out, static_cast<unsigned>(question.udp_size));
    Put32(out, 0);
    Put16(out, 0);
  }
  return out;
}

std::optional<Bytes> WriteAnswer(const Question& question, const AnswerPlan& plan,
                                 std::mt19937& random) {
  Question other = question;
  switch (plan.mode) {
    case Mode::kSilent:
      return std::nullopt;
    case Mode::kNoData:
      return CodeOnly(question, 0);
    case Mode::kServFail:
      return CodeOnly(question, 2);
    case Mode::kNxDomain:
      return CodeOnly(question, 3);
    case Mode::kRefused:
      return CodeOnly(question, 5);
    case Mode::kGarbage: {
      Bytes out;
      PutNoise(out, 100, random);
      return out;
    }
    case Mode::kWrongId:
      other.id = static_cast<std::uint16_t>(question.id + 1);
      return Honest(other, plan);
    case Mode::kWrongQuestion:
      other.name = "stranger.test";
      return Honest(other, plan);
    case Mode::kHuge:
    case Mode::kPointerChain:
      if (!plan.over_tcp) {
        return CodeOnly(question, kTruncatedFlag);
      }
      return plan.mode == Mode::kPointerChain ? Chain(question) : Lie(question, plan, random);
    case Mode::kGarbageTail:
    case Mode::kPointerLoop:
    case Mode::kLyingCounts:
    case Mode::kLyingLength:
      return Lie(question, plan, random);
    default:
      return Honest(question, plan);
  }
}

}  // namespace dnstest
