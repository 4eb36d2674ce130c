#include "router/app/config_value_check.h"

#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <chrono>
#include <cstdint>

#include "router/app/config_report.h"
#include "router/app/config_values.h"
#include "router/app/go_duration.h"

namespace router {
namespace {

using Kind = YamlNode::Kind;

std::string_view NameOf(Kind kind) {
  switch (kind) {
    case Kind::kNull:
      return "nothing";
    case Kind::kScalar:
      return "a single value";
    case Kind::kSequence:
      return "a list";
    case Kind::kMapping:
      return "a map";
  }
  return "";
}

tl::unexpected<Error> Expected(std::string_view what, const YamlNode& node) {
  return Failure(ExpectedText(what, node));
}

// A variable's value is text for them, even one that YAML would read as nothing.
bool IsText(ValueType type) {
  return type == ValueType::kString || type == ValueType::kChoice || type == ValueType::kListen ||
         type == ValueType::kPort;
}

// Of a server to be asked, so never a name.
bool IsIpAddress(const std::string& text) {
  boost::system::error_code error;
  boost::asio::ip::make_address(text, error);
  return !error;
}

std::string FormatBound(ValueType type, std::int64_t value) {
  if (type == ValueType::kDuration) {
    return FormatGoDuration(std::chrono::milliseconds(value));
  }
  if (type == ValueType::kBytes) {
    return FormatByteSize(static_cast<std::uint64_t>(value));
  }
  return std::to_string(value);
}

// `low` and `high` are the key's bounds in the unit of `value`.
Result<void> CheckBounds(const ConfigKey& key, std::int64_t value, std::int64_t unit) {
  if (key.zero_is_default && value == 0) {
    return {};
  }
  if (value < 0 && key.max == 0) {
    return Failure("must not be negative");
  }
  const bool is_within = key.max == 0 || (value >= key.min * unit && value <= key.max * unit);
  if (!is_within) {
    return Failure("must be from " + FormatBound(key.type, key.min) + " to " +
                   FormatBound(key.type, key.max) + (key.zero_is_default ? ", or 0" : ""));
  }
  return {};
}

template <typename T>
tl::unexpected<Error> Same(const Result<T>& result) {
  return tl::unexpected<Error>(result.error());
}

// `NAME` of a text such as `${env:NAME}:4317`; empty when it is written otherwise.
std::string FirstVariable(std::string_view text) {
  text.remove_prefix(std::min(text.find("${"), text.size()));
  text.remove_prefix(std::min<std::size_t>(text.starts_with("${env:") ? 6 : 2, text.size()));
  return Shown(text.substr(0, text.find_first_of(":}$")));
}

Result<void> CheckListen(const YamlNode& node) {
  const Result<Config::Address> address = ParseAddress(node.text, 0);
  if (!address) {
    return Same(address);
  }
  if (address->host.empty() && node.has_unset_variable) {
    return Failure(
        "the variable is not set, and without a host every address would be served; set it, for "
        "a check too: " +
        FirstVariable(node.variables) + "=127.0.0.1 spanring validate …");
  }
  return {};
}

// A number that YAML would read as a string is one for the Collector too.
Result<void> CheckPlain(const YamlNode& node, std::string_view what) {
  if (node.is_string) {
    return Failure("expected " + std::string(what) + ", found a string");
  }
  return {};
}

Result<void> CheckChoice(const ConfigKey& key, const YamlNode& node) {
  const std::string text = key.type == ValueType::kBoolean
                               ? std::string(*ParseBoolean(node.text) ? "true" : "false")
                               : node.text;
  if (key.choices.empty() || IsOneOf(text, key.choices)) {
    return {};
  }
  if (IsOneOf(text, key.later)) {
    return Failure(std::string(kNotYet) + "only " + Commas(key.choices));
  }
  return Failure("expected one of " + Commas(key.choices));
}

Result<void> CheckScalar(const ConfigKey& key, const YamlNode& node) {
  switch (key.type) {
    case ValueType::kBoolean: {
      const Result<bool> value = ParseBoolean(node.text);
      const Result<void> is_plain = CheckPlain(node, "true or false");
      return !is_plain ? is_plain : !value ? Same(value) : CheckChoice(key, node);
    }
    case ValueType::kInteger: {
      const Result<std::int64_t> value = ParseInteger(node.text);
      const Result<void> is_plain = CheckPlain(node, "a whole number");
      return !is_plain ? is_plain : !value ? Same(value) : CheckBounds(key, *value, 1);
    }
    case ValueType::kNumber: {
      const Result<double> value = ParseNumber(node.text);
      return value ? CheckPlain(node, "a number") : Same(value);
    }
    case ValueType::kPort: {
      const Result<std::int64_t> value = ParseInteger(node.text);
      return value ? CheckBounds(key, *value, 1) : Same(value);
    }
    case ValueType::kBytes: {
      const Result<std::int64_t> value = ParseByteSize(node.text);
      return value ? CheckBounds(key, *value, 1) : Same(value);
    }
    case ValueType::kDuration: {
      const Result<std::chrono::nanoseconds> value = ParseGoDuration(node.text);
      return value ? CheckBounds(key, value->count(), 1'000'000) : Same(value);
    }
    case ValueType::kListen:
      return CheckListen(node);
    case ValueType::kChoice:
      return CheckChoice(key, node);
    default:
      return {};
  }
}

bool IsSection(ValueType type) {
  return type == ValueType::kSection || type == ValueType::kComponents;
}

bool IsList(ValueType type) {
  return type == ValueType::kSectionList || type == ValueType::kStringList ||
         type == ValueType::kCompressionList || type == ValueType::kTargetList ||
         type == ValueType::kServerList || type == ValueType::kPortList;
}

Result<void> CheckItems(const ConfigKey& key, const YamlNode& node) {
  if (key.type == ValueType::kSectionList) {
    return {};
  }
  for (const YamlNodePtr& item : node.items) {
    if (key.type == ValueType::kCompressionList) {
      if (item->kind == Kind::kScalar && CompressionFrom(item->text)) continue;
      return Failure(ShownValue(*item) +
                     ": expected names of compressions: gzip, zstd, zlib, deflate, snappy, lz4, "
                     "or \"\" for none");
    }
    if (item->text.empty() || (item->kind != Kind::kScalar && item->variables.empty())) {
      return Failure("expected a list of words; one of them is not");
    }
    if (key.type == ValueType::kStringList) {
      continue;
    }
    if (key.type == ValueType::kPortList) {
      const Result<std::int64_t> port = ParseInteger(item->text);
      if (port && *port >= 1 && *port <= 65535) continue;
      return Failure(ShownValue(*item) + ": expected a port from 1 to 65535");
    }
    const bool is_server = key.type == ValueType::kServerList;
    const Result<Config::Address> address = ParseAddress(item->text, is_server ? 53 : 4317);
    if (!address) {
      return Failure(ShownValue(*item) + ": " + address.error().message);
    }
    if (address->port == 0 || address->host.empty()) {
      return Failure(ShownValue(*item) + ": expected a host and a port from 1 to 65535");
    }
    if (is_server && !IsIpAddress(address->host)) {
      return Failure(ShownValue(*item) +
                     ": expected an address, not a name, such as 10.0.0.53 or [fd00::53]:53");
    }
  }
  return {};
}

}  // namespace

Result<void> CheckValue(const ConfigKey& key, const YamlNode& node) {
  const bool is_text = IsText(key.type) && node.HasText();
  const bool is_nothing = node.kind == Kind::kNull && (!is_text || node.text.empty());
  if (is_nothing || key.type == ValueType::kAny) {
    return {};
  }
  if (IsSection(key.type) || key.type == ValueType::kHeaders) {
    return node.kind == Kind::kMapping ? Result<void>() : Expected("a map", node);
  }
  if (IsList(key.type)) {
    return node.kind == Kind::kSequence ? CheckItems(key, node) : Expected("a list", node);
  }
  if (node.kind != Kind::kScalar && !is_text) {
    return Expected("a single value", node);
  }
  return CheckScalar(key, node);
}

std::string ExpectedText(std::string_view expected, const YamlNode& found) {
  return std::string("expected ").append(expected).append(", found ").append(NameOf(found.kind));
}

bool MayHoldSecrets(std::string_view section) {
  const bool is_ours = section.starts_with("spanring.");  // spanring.auth has none
  return !is_ours && (section.find("auth") != std::string_view::npos || section.ends_with(".tls"));
}

bool MayShowValue(const ConfigKey& key, const YamlNode& node) {
  const bool is_secret = key.is_secret || MayHoldSecrets(key.path) || IsSection(key.type) ||
                         key.type == ValueType::kHeaders;
  return node.kind == Kind::kScalar && !is_secret;
}

std::string Commas(std::string_view words) {
  std::string text;
  for (const char c : words) {
    text += c == '|' ? std::string(", ") : std::string(1, c);
  }
  return text;
}

std::string ShownValue(const YamlNode& node) {
  return Shown(node.variables.empty() ? node.text : node.variables);
}

}  // namespace router
