#include "router/app/config_check.h"

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "router/app/config_values.h"
#include "router/app/go_duration.h"

namespace router {
namespace {

using Kind = YamlNode::Kind;

constexpr std::size_t kComponentTypeBytesMax = 63;
constexpr std::string_view kNotYet = "not supported yet: ";

std::string Join(std::string_view section, std::string_view name) {
  return section.empty() ? std::string(name) : std::string(section).append(".").append(name);
}

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
  return Failure(
      std::string("expected ").append(what).append(", found ").append(NameOf(node.kind)));
}

std::string Commas(std::string_view words) {
  std::string text;
  for (const char c : words) {
    text += c == '|' ? std::string(", ") : std::string(1, c);
  }
  return text;
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

// One walk; holds what every step of it needs.
class Walk {
 public:
  explicit Walk(FaultLog& log) : log_(log) {}

  // `section` is the path in the table, `shown` the one for people; `is_quiet`: a warning about the
  // whole section has been given.
  void Section(const YamlNode& node, std::string_view section, std::string_view shown,
               bool is_quiet) {
    for (const YamlEntry& entry : node.entries) {
      if (log_.is_full()) {
        return;
      }
      const std::string path = Join(section, entry.key);
      const std::string shown_path = Join(shown, Shown(entry.key));
      if (const ConfigKey* key = IsPlainName(entry.key) ? FindConfigKey(path) : nullptr) {
        Value(*key, entry, shown_path, is_quiet);
      } else {
        Unknown(entry, section, shown_path);
      }
    }
  }

 private:
  static bool IsPlainName(std::string_view name) {
    return name.find_first_of(".[") == std::string_view::npos;
  }

  void Value(const ConfigKey& key, const YamlEntry& entry, const std::string& shown,
             bool is_quiet) {
    if (key.treatment == Treatment::kLater) {
      log_.Refuse(entry.line, shown, std::string(kNotYet).append(key.text));
      return;
    }
    const YamlNode& node = *entry.value;
    if (const Result<void> result = CheckValue(key, node); !result) {
      RefuseValue(key, entry, shown, result.error().message);
      return;
    }
    const bool warns =
        key.treatment != Treatment::kHonoured && !is_quiet && !IsInert(node) &&
        !key.path.starts_with("processors.");  // the pipeline tells whether it matters
    if (warns) {
      log_.Warn(entry.line, shown,
                key.treatment == Treatment::kMapped ? "done otherwise here" : "has no effect here",
                key.text);
    }
    if (key.type == ValueType::kSection) {
      Section(node, key.path, shown, is_quiet || key.treatment != Treatment::kHonoured);
    } else if (key.type == ValueType::kComponents) {
      Components(node, key.path, shown);
    } else if (key.type == ValueType::kSectionList) {
      SectionList(node, key, shown, is_quiet);
    }
  }

  void SectionList(const YamlNode& node, const ConfigKey& key, const std::string& shown,
                   bool is_quiet) {
    const std::string section = std::string(key.path) + "[]";
    for (std::size_t i = 0; i < node.items.size() && !log_.is_full(); ++i) {
      const std::string shown_item = shown + "[" + std::to_string(i) + "]";
      const YamlNode& item = *node.items[i];
      if (item.kind == Kind::kMapping) {
        Section(item, section, shown_item, is_quiet);
      } else {
        log_.Refuse(item.line, shown_item, Expected("a map", item).value().message);
      }
    }
  }

  void RefuseValue(const ConfigKey& key, const YamlEntry& entry, const std::string& shown,
                   const std::string& message) {
    const bool shows_value = entry.value->kind == Kind::kScalar && key.type != ValueType::kHeaders;
    std::string hint = shows_value ? "the value is " + ShownValue(*entry.value) : "";
    if (key.type == ValueType::kChoice && shows_value) {
      const std::string meant = NearestWord(entry.value->text, key.choices);
      if (!meant.empty() && entry.value->variables.empty()) {
        hint += "; did you mean " + meant + "?";
      }
    }
    log_.Refuse(entry.line, shown, message, hint);
  }

  // Switched off, or zero: nothing is asked for, so there is nothing to warn about.
  static bool IsInert(const YamlNode& node) {
    if (node.kind == Kind::kScalar) {
      return node.text == "0" || node.text == "0s";
    }
    const YamlEntry* enabled = node.Find("enabled");
    return enabled != nullptr && enabled->value->text == "false";
  }

  void Components(const YamlNode& node, std::string_view section, const std::string& shown) {
    for (const YamlEntry& entry : node.entries) {
      if (log_.is_full()) {
        return;
      }
      const std::string shown_path = Join(shown, Shown(entry.key));
      const ComponentId id = ParseComponentId(entry.key);
      const ConfigKey* key = FindConfigKey(Join(section, id.type));
      if (id.type.empty()) {
        log_.Refuse(entry.line, shown_path, "not an id; write type or type/name");
      } else if (key != nullptr) {
        Value(*key, entry, shown_path, false);
      } else {
        UnknownComponent(entry, id.type, section, shown_path);
      }
    }
  }

  void UnknownComponent(const YamlEntry& entry, const std::string& type, std::string_view section,
                        const std::string& shown) {
    const std::string meant = NearestWord(type, NamesIn(section));
    if (section == "connectors" || section == "service.pipelines") {
      log_.Refuse(entry.line, shown, "spanring has no such thing; remove it");
    } else if (!meant.empty()) {
      log_.Refuse(entry.line, shown, "unknown type", "did you mean " + meant + "?");
    } else {
      log_.Warn(entry.line, shown, "spanring has none of this type; it is not started");
    }
  }

  void Unknown(const YamlEntry& entry, std::string_view section, const std::string& shown) {
    const std::string names = NamesIn(section);
    const std::string meant = NearestWord(entry.key, names);
    std::string hint;
    if (!meant.empty()) {
      hint = "did you mean " + meant + "?";
    } else if (!names.empty() && names.size() <= 120) {
      hint = "known here: " + Commas(names);
    }
    log_.Refuse(entry.line, shown, "unknown key", hint);
  }

  static std::string NamesIn(std::string_view section) {
    std::string names;
    for (const ConfigKey& key : AllConfigKeys()) {
      if (const std::string_view name = NameBelow(section, key.path); !name.empty()) {
        names.append(names.empty() ? "" : "|").append(name);
      }
    }
    return names;
  }

  FaultLog& log_;
};

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
    if (is_server &&
        address->host.find_first_not_of("0123456789abcdefABCDEF.:%") != std::string::npos) {
      return Failure(ShownValue(*item) + ": expected an address, not a name");
    }
  }
  return {};
}

}  // namespace

void CheckConfigKeys(const YamlNode& root, FaultLog& log) {
  Walk(log).Section(root, "", "", false);
}

ComponentId ParseComponentId(std::string_view id) {
  const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  const auto is_type_character = [&](char c) {
    return is_letter(c) || (c >= '0' && c <= '9') || c == '_';
  };
  const std::size_t slash = std::min(id.find('/'), id.size());
  const std::string_view type = id.substr(0, slash);
  const std::string_view name = id.substr(std::min(slash + 1, id.size()));
  const bool is_good = !type.empty() && type.size() <= kComponentTypeBytesMax &&
                       is_letter(type[0]) &&
                       std::all_of(type.begin(), type.end(), is_type_character) &&
                       (slash == id.size() || !name.empty());
  if (!is_good) {
    return {};
  }
  return {std::string(type == "load_balancing" ? "loadbalancing" : type), std::string(name)};
}

Result<void> CheckValue(const ConfigKey& key, const YamlNode& node) {
  if (node.kind == Kind::kNull || key.type == ValueType::kAny) {
    return {};
  }
  if (IsSection(key.type) || key.type == ValueType::kHeaders) {
    return node.kind == Kind::kMapping ? Result<void>() : Expected("a map", node);
  }
  if (IsList(key.type)) {
    return node.kind == Kind::kSequence ? CheckItems(key, node) : Expected("a list", node);
  }
  const bool is_text = key.type == ValueType::kString && !node.variables.empty();
  if (node.kind != Kind::kScalar && !is_text) {
    return Expected("a single value", node);
  }
  return CheckScalar(key, node);
}

std::string ShownValue(const YamlNode& node) {
  return Shown(node.variables.empty() ? node.text : node.variables);
}

}  // namespace router
