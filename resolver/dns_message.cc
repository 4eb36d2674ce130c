#include "resolver/dns_message.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "resolver/endpoint.h"

namespace resolver {
namespace asio = boost::asio;
namespace {

constexpr std::size_t kNameBytesMax = 255;
constexpr std::size_t kAliasesMax = 16;
constexpr int kPointersPerNameMax = 64;
constexpr std::uint16_t kClassIn = 1;

// A cursor over the message. Every read that would pass the end fails and stays failed.
class Reader {
 public:
  explicit Reader(std::span<const std::uint8_t> message) : message_(message) {}

  bool ok() const { return ok_; }
  std::size_t position() const { return position_; }

  std::uint8_t U8() {
    if (!Has(1)) {
      return 0;
    }
    return message_[position_++];
  }
  std::uint16_t U16() {
    const unsigned high = U8();
    return static_cast<std::uint16_t>(high << 8U | U8());
  }
  std::uint32_t U32() {
    const std::uint32_t high = U16();
    return high << 16U | U16();
  }
  std::span<const std::uint8_t> Bytes(std::size_t count) {
    if (!Has(count)) {
      return {};
    }
    position_ += count;
    return message_.subspan(position_ - count, count);
  }
  // A name in wire form (length-prefixed labels), letters in lower case, compression undone.
  std::string Name();

 private:
  bool Has(std::size_t count) {
    ok_ = ok_ && message_.size() - position_ >= count;
    return ok_;
  }

  std::span<const std::uint8_t> message_;
  std::size_t position_ = 0;
  bool ok_ = true;
};

char Lower(std::uint8_t byte) {
  return static_cast<char>(byte >= 'A' && byte <= 'Z' ? byte + ('a' - 'A') : byte);
}

std::string Reader::Name() {
  std::string name;
  std::size_t resume = 0;         // where reading goes on after the first pointer; 0: none yet
  std::size_t floor = position_;  // a pointer must lead to before this
  int pointers = 0;
  for (;;) {
    const std::uint8_t length = U8();
    if (!ok_ || length == 0) {
      break;
    }
    if ((length & 0xC0U) == 0xC0U) {
      const std::size_t target = (length & 0x3FU) << 8U | U8();
      ok_ = ok_ && target < floor && ++pointers <= kPointersPerNameMax;
      if (!ok_) {
        break;
      }
      resume = resume == 0 ? position_ : resume;
      floor = position_ = target;
      continue;
    }
    ok_ = (length & 0xC0U) == 0 && name.size() + 1 + length < kNameBytesMax;
    const std::span<const std::uint8_t> label = Bytes(length);
    if (!ok_) {
      break;
    }
    name.push_back(static_cast<char>(length));
    for (const std::uint8_t byte : label) {
      name.push_back(Lower(byte));
    }
  }
  if (resume != 0) {
    position_ = resume;
  }
  return name;
}

// "\3foo\3bar" → "foo.bar"; nothing when a label holds what no host name may.
std::optional<std::string> HostText(std::string_view wire) {
  std::string text;
  while (!wire.empty()) {
    const auto length = static_cast<std::size_t>(static_cast<std::uint8_t>(wire.front()));
    for (const char c : wire.substr(1, length)) {
      const bool fine = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
      if (!fine) {
        return std::nullopt;
      }
    }
    text.append(text.empty() ? "" : ".").append(wire.substr(1, length));
    wire.remove_prefix(1 + length);
  }
  return text;
}

struct Record {
  std::string owner;
  std::uint16_t type = 0;
  std::uint32_t ttl = 0;
  asio::ip::address address;  // A, AAAA
  std::string target;         // CNAME, SRV; wire form
  std::uint16_t port = 0;     // SRV
};

asio::ip::address ReadAddress(Reader& reader, std::uint16_t type) {
  if (type == kDnsTypeA) {
    return asio::ip::address_v4(reader.U32());
  }
  asio::ip::address_v6::bytes_type bytes{};
  const std::span<const std::uint8_t> data = reader.Bytes(bytes.size());
  std::copy(data.begin(), data.end(), bytes.begin());
  return Canonical(asio::ip::address_v6(bytes));
}

// Reads one record; false when the message is broken there. Types and classes that we did not ask
// for are stepped over and leave record.type 0.
bool ReadRecord(Reader& reader, Record& record) {
  record.owner = reader.Name();
  const std::uint16_t type = reader.U16();
  const std::uint16_t record_class = reader.U16();
  const std::uint32_t ttl = reader.U32();
  record.ttl = ttl > 0x7FFFFFFFU ? 0 : ttl;  // RFC 2181: the top bit set means zero
  const std::size_t length = reader.U16();
  const std::size_t end = reader.position() + length;
  const bool address = type == kDnsTypeA || type == kDnsTypeAaaa;
  const bool wanted = address || type == kDnsTypeCname || type == kDnsTypeSrv;
  if (!reader.ok() || record_class != kClassIn || !wanted) {
    reader.Bytes(length);
    return reader.ok();
  }
  record.type = type;
  if (address) {
    record.address = ReadAddress(reader, type);
  } else {
    if (type == kDnsTypeSrv) {
      reader.U32();  // priority and weight: the ring treats all members alike
      record.port = reader.U16();
    }
    record.target = reader.Name();
  }
  return reader.ok() && reader.position() == end;
}

// The names that stand for `name` according to the aliases in the answer, itself first.
std::vector<std::string> FollowAliases(const std::vector<Record>& records, std::string name,
                                       std::optional<std::uint32_t>& ttl) {
  std::vector<std::string> chain{std::move(name)};
  while (chain.size() <= kAliasesMax) {
    const auto alias = std::find_if(records.begin(), records.end(), [&](const Record& record) {
      return record.type == kDnsTypeCname && record.owner == chain.back();
    });
    if (alias == records.end() ||
        std::find(chain.begin(), chain.end(), alias->target) != chain.end()) {
      break;
    }
    ttl = std::min(ttl.value_or(alias->ttl), alias->ttl);
    chain.push_back(alias->target);
  }
  return chain;
}

void TakeRecord(const Record& record, DnsAnswer& answer) {
  if (record.type == kDnsTypeSrv) {
    const std::optional<std::string> target = HostText(record.target);
    if (!target || target->empty() || record.port == 0) {
      ++answer.unusable;
      return;
    }
    answer.services.push_back(SrvRecord{*target, record.port});
  } else {
    if (!IsDialable(record.address)) {
      ++answer.unusable;
      return;
    }
    answer.addresses.push_back(record.address);
  }
  answer.ttl = std::min(answer.ttl.value_or(record.ttl), record.ttl);
}

Outcome OutcomeOfCode(unsigned code) {
  constexpr std::array kOutcomes = {Outcome::kSuccess,  Outcome::kMalformed, Outcome::kServFail,
                                    Outcome::kNxDomain, Outcome::kOther,     Outcome::kRefused};
  return code < kOutcomes.size() ? kOutcomes[code] : Outcome::kOther;
}

}  // namespace

DnsAnswer ParseDnsAnswer(std::span<const std::uint8_t> message) {
  const auto broken = [](Outcome outcome) { return DnsAnswer{outcome, {}, {}, 0, std::nullopt}; };
  Reader reader(message);
  reader.U16();  // the identifier has been compared by c-ares
  const unsigned flags = reader.U16();
  const unsigned questions = reader.U16();
  const unsigned count = reader.U16();
  reader.U32();
  std::string name = reader.Name();
  reader.U32();
  if (!reader.ok() || questions != 1 || (flags & 0x8000U) == 0) {
    return broken(Outcome::kMalformed);
  }
  if ((flags & 0x0200U) != 0) {
    return broken(Outcome::kTruncated);
  }
  if (const Outcome outcome = OutcomeOfCode(flags & 0xFU); outcome != Outcome::kSuccess) {
    return broken(outcome);
  }

  std::vector<Record> records;
  for (unsigned i = 0; i < count; ++i) {
    Record record;
    if (!ReadRecord(reader, record)) {
      return broken(Outcome::kMalformed);
    }
    if (record.type != 0) {
      records.push_back(std::move(record));
    }
  }

  DnsAnswer answer;
  const std::vector<std::string> names = FollowAliases(records, std::move(name), answer.ttl);
  for (const Record& record : records) {
    const bool ours = std::find(names.begin(), names.end(), record.owner) != names.end();
    if (ours && record.type != kDnsTypeCname) {
      TakeRecord(record, answer);
    }
  }
  const bool empty = answer.addresses.empty() && answer.services.empty();
  answer.outcome = empty ? Outcome::kNoData : Outcome::kSuccess;
  return answer;
}

}  // namespace resolver
