// CheckValue: one value of the file against its entry in the key table.
//
// Thread safety: pure. Secrets: no message repeats a value; whoever wants to show one asks
// MayShowValue() first.
#pragma once

#include <string>
#include <string_view>

#include "router/app/config_keys.h"
#include "router/app/yaml_node.h"
#include "router/base/result.h"

namespace router {

// Before what is known but cannot be had.
inline constexpr std::string_view kNotYet = "not supported yet: ";

// Whether `node` holds a value that `key` accepts; otherwise what is wrong, without the value.
Result<void> CheckValue(const ConfigKey& key, const YamlNode& node);

// "expected a map, found a list".
std::string ExpectedText(std::string_view expected, const YamlNode& found);

// Is this a place where people write secrets, by mistake also next to their key: credentials, TLS?
bool MayHoldSecrets(std::string_view section);

// May a message show the value? Not of a secret, nor of what stands where one could: a token in
// place of the section or the list it belongs to.
bool MayShowValue(const ConfigKey& key, const YamlNode& node);

// The value for use in a message: what the file says, so never what the environment says.
std::string ShownValue(const YamlNode& node);

// `a|b` as `a, b`.
std::string Commas(std::string_view words);

}  // namespace router
