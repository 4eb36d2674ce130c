// The key table: every configuration key, its type, default, bounds and what spanring does with it.
//
// One table serves the reader (unknown keys, types, bounds, keys of later steps) and the
// documentation (docs/configuration.md), so neither can drift from the other.
// Thread safety: constants and pure functions.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace router {

enum class ValueType {
  kSection,      // a map with the keys below it in the table
  kComponents,   // a map of ids `type` or `type/name`; the keys below it in the table are types
  kSectionList,  // a list of sections; their keys are below `path[]`
  kString,
  kBoolean,
  kInteger,
  kNumber,
  kDuration,  // as Go writes it
  kBytes,     // a number, or with a unit
  kPort,      // an integer or a string of digits
  kListen,    // host:port; port 0: any free one
  kChoice,    // one of `choices`
  kStringList,
  kCompressionList,  // names of compressions; "" for none
  kTargetList,       // host or host:port
  kServerList,       // ip or ip:port
  kPortList,         // integers from 1 to 65535
  kHeaders,          // a map of header names to secret values
  kAny,              // not looked into
};

enum class Treatment {
  kHonoured,
  kMapped,   // accepted with a warning: another mechanism of spanring does that job
  kIgnored,  // accepted with a warning: it has no effect here
  kLater,    // refused: not supported yet
};

struct ConfigKey {
  std::string_view path = {};  // component ids without `/name`
  ValueType type = ValueType::kAny;
  Treatment treatment = Treatment::kHonoured;
  std::string_view text = {};          // honoured: what it is; otherwise what happens instead
  std::string_view default_text = {};  // as one would write it; empty: none
  std::int64_t min = 0;  // integers: the number; durations: milliseconds; sizes: bytes
  std::int64_t max = 0;  // bounded only when max > 0
  bool zero_is_default =
      false;  // 0 is allowed besides [min, max] and means the default or automatic
  std::string_view choices =
      {};                       // kChoice, kBoolean: what is allowed, separated by '|'; empty: all
  std::string_view later = {};  // of the same kind: known but not supported yet

  bool needs_restart = false;  // a change of it takes no effect by SIGHUP
  bool is_secret = false;      // its value is never shown; nor are those of kHeaders

  constexpr ConfigKey Default(std::string_view value) const {
    ConfigKey key = *this;
    key.default_text = value;
    return key;
  }
  constexpr ConfigKey Within(std::int64_t low, std::int64_t high) const {
    ConfigKey key = *this;
    key.min = low;
    key.max = high;
    return key;
  }
  constexpr ConfigKey OrZero() const {
    ConfigKey key = *this;
    key.zero_is_default = true;
    return key;
  }
  constexpr ConfigKey AtStart() const {
    ConfigKey key = *this;
    key.needs_restart = true;
    return key;
  }
  constexpr ConfigKey Secret() const {
    ConfigKey key = *this;
    key.is_secret = true;
    return key;
  }
  constexpr ConfigKey OneOf(std::string_view now, std::string_view not_yet = {}) const {
    ConfigKey key = *this;
    key.choices = now;
    key.later = not_yet;
    return key;
  }
};

// In the order of the documentation: a section stands before the keys in it.
std::span<const ConfigKey> AllConfigKeys();

// The key of that path, or nullptr.
const ConfigKey* FindConfigKey(std::string_view path);

// Is `path` directly below `section` ("" is the file)? Returns its last part then, otherwise
// nothing.
std::string_view NameBelow(std::string_view section, std::string_view path);

// Is `value` one of the words in `words`, which '|' separates?
bool IsOneOf(std::string_view value, std::string_view words);

}  // namespace router
