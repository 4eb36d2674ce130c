#include "router/app/config_values.h"

#include <algorithm>
#include <array>
#include <boost/asio/ip/address_v6.hpp>
#include <charconv>
#include <limits>
#include <numeric>
#include <utility>
#include <vector>

namespace router {
namespace {

constexpr std::size_t kWordBytesMax = 64;
constexpr std::size_t kHostNameBytesMax = 253;
constexpr std::size_t kHostLabelBytesMax = 63;

struct ByteUnit {
  std::string_view name;
  std::int64_t bytes;
};
constexpr std::int64_t kKiB = 1024;
constexpr std::array kByteUnits = std::to_array<ByteUnit>({{"", 1},
                                                           {"B", 1},
                                                           {"KiB", kKiB},
                                                           {"Ki", kKiB},
                                                           {"MiB", kKiB* kKiB},
                                                           {"Mi", kKiB* kKiB},
                                                           {"GiB", kKiB* kKiB* kKiB},
                                                           {"Gi", kKiB* kKiB* kKiB},
                                                           {"KB", 1'000},
                                                           {"MB", 1'000'000},
                                                           {"GB", 1'000'000'000}});

// Case and the choice between '-' and '_' do not count as a difference.
char Folded(char c) {
  if (c >= 'A' && c <= 'Z') {
    return static_cast<char>(c - 'A' + 'a');
  }
  return c == '-' ? '_' : c;
}

// Edit distance in which swapping two neighbours is one step (optimal string alignment).
std::size_t Distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before(b.size() + 1);
  std::vector<std::size_t> last(b.size() + 1);
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(last.begin(), last.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const auto same = [&](std::size_t x, std::size_t y) { return Folded(a[x]) == Folded(b[y]); };
      row[j] = std::min({last[j - 1] + (same(i - 1, j - 1) ? 0 : 1), last[j] + 1, row[j - 1] + 1});
      if (i > 1 && j > 1 && same(i - 1, j - 2) && same(i - 2, j - 1)) {
        row[j] = std::min(row[j], before[j - 2] + 1);
      }
    }
    before.swap(last);
    last.swap(row);
  }
  return last[b.size()];
}

bool IsIpv6(const std::string& text) {
  boost::system::error_code error;
  boost::asio::ip::make_address_v6(text, error);
  return !error;
}

bool IsHostCharacter(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte > 0x20 && byte != 0x7f && c != '/' && c != '[' && c != ']' && c != '@' && c != '?' &&
         c != '#';
}

}  // namespace

Result<bool> ParseBoolean(std::string_view text) {
  if (text == "true" || text == "True" || text == "TRUE") {
    return true;
  }
  if (text == "false" || text == "False" || text == "FALSE") {
    return false;
  }
  return Failure("expected true or false");
}

Result<std::int64_t> ParseInteger(std::string_view text) {
  if (text.starts_with('+')) {
    text.remove_prefix(1);
    if (text.starts_with('-')) {
      return Failure("expected a whole number");
    }
  }
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc::result_out_of_range) {
    return Failure("the number is too large");
  }
  if (error != std::errc() || end != text.data() + text.size()) {
    return Failure("expected a whole number");
  }
  return value;
}

Result<double> ParseNumber(std::string_view text) {
  const bool has_plus = text.starts_with('+') && !text.starts_with("+-");
  text.remove_prefix(has_plus ? 1 : 0);
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) {
    return Failure("expected a number");
  }
  return value;
}

Result<std::int64_t> ParseByteSize(std::string_view text) {
  text.remove_prefix(text.starts_with('+') ? 1 : 0);
  const std::size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  const Result<std::int64_t> number = ParseInteger(text.substr(0, digits));
  std::string_view name = text.substr(digits);
  while (name.starts_with(' ')) {
    name.remove_prefix(1);
  }
  for (const ByteUnit& unit : kByteUnits) {
    if (digits > 0 && unit.name == name) {
      if (!number || *number > std::numeric_limits<std::int64_t>::max() / unit.bytes) {
        return Failure("the size is too large");
      }
      return *number * unit.bytes;
    }
  }
  return Failure("expected a size in bytes, such as 4194304 or 512MiB");
}

std::string FormatByteSize(std::uint64_t bytes) {
  constexpr std::array<std::pair<std::uint64_t, std::string_view>, 3> kUnits{
      {{1u << 30, "GiB"}, {1u << 20, "MiB"}, {1u << 10, "KiB"}}};
  for (const auto& [size, name] : kUnits) {
    if (bytes != 0 && bytes % size == 0) {
      return std::to_string(bytes / size).append(name);
    }
  }
  return std::to_string(bytes);
}

Result<void> CheckHostName(std::string_view name) {
  if (name.ends_with('.')) {
    name.remove_suffix(1);
  }
  if (name.size() > kHostNameBytesMax) {
    return Failure("a host name has at most 253 characters");
  }
  for (bool is_last = false; !is_last;) {
    const std::size_t end = std::min(name.find('.'), name.size());
    is_last = end == name.size();
    if (end == 0) {
      return Failure("a host name has something before, between and after its dots");
    }
    if (end > kHostLabelBytesMax) {
      return Failure("each part of a host name has at most 63 characters");
    }
    name.remove_prefix(std::min(end + 1, name.size()));
  }
  return {};
}

bool IsUrlPath(std::string_view path) {
  const auto is_good = [](char c) {
    return c > 0x20 && c < 0x7f && c != '?' && c != '#' && c != '*';
  };
  return path.starts_with('/') && std::all_of(path.begin(), path.end(), is_good);
}

Result<Config::Address> ParseAddress(std::string_view text, std::uint16_t default_port) {
  const tl::unexpected<Error> wrong = Failure("expected host:port");
  if (text.find("://") != std::string_view::npos) {
    return Failure("expected host:port without a scheme");
  }
  Config::Address address;
  std::string_view port;
  if (text.starts_with('[')) {
    const std::size_t close = text.find(']');
    if (close == std::string_view::npos || close == 1) {
      return wrong;
    }
    address.host = text.substr(1, close - 1);
    port = text.substr(close + 1);
    if (!IsIpv6(address.host)) {
      return Failure("brackets are for IPv6 addresses only");
    }
  } else {
    const std::size_t colon = std::min(text.find(':'), text.size());
    address.host = text.substr(0, colon);
    port = text.substr(colon);
    if (port.find(':', 1) != std::string_view::npos) {
      return Failure("expected host:port, an IPv6 address in brackets");
    }
  }
  if (!std::all_of(address.host.begin(), address.host.end(), IsHostCharacter)) {
    return wrong;
  }
  const bool is_name = !address.host.empty() && address.host.find(':') == std::string::npos;
  if (is_name) {
    if (const Result<void> good = CheckHostName(address.host); !good) {
      return tl::unexpected(good.error());
    }
  }
  if (port.empty()) {
    if (default_port == 0 || address.host.empty()) {
      return wrong;
    }
    address.port = default_port;
    return address;
  }
  const Result<std::int64_t> number =
      port.starts_with(':') ? ParseInteger(port.substr(1)) : Result<std::int64_t>(wrong);
  if (!number || port.starts_with(":+") || *number < 0 || *number > 65535) {
    return Failure("expected host:port with a port from 0 to 65535");
  }
  address.port = static_cast<std::uint16_t>(*number);
  return address;
}

std::string FormatAddress(const Config::Address& address) {
  const bool is_ipv6 = address.host.find(':') != std::string::npos;
  return (is_ipv6 ? "[" + address.host + "]" : address.host) + ":" + std::to_string(address.port);
}

std::string NearestWord(std::string_view word, std::string_view candidates) {
  if (word.size() > kWordBytesMax) {
    return {};
  }
  std::string_view best;
  std::size_t best_distance = std::max<std::size_t>(1, word.size() / 3) + 1;
  while (!candidates.empty()) {
    const std::size_t end = std::min(candidates.find('|'), candidates.size());
    const std::string_view candidate = candidates.substr(0, end);
    candidates.remove_prefix(std::min(end + 1, candidates.size()));
    const std::size_t distance = Distance(word, candidate);
    if (distance < best_distance) {
      best = candidate;
      best_distance = distance;
    }
  }
  return std::string(best);
}

}  // namespace router
