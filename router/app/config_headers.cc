#include "router/app/config_headers.h"

#include <algorithm>
#include <unordered_set>

#include "router/app/config_keys.h"
#include "router/base/ascii_text.h"

namespace router {
namespace {

constexpr std::size_t kHeadersMax = 64;
constexpr std::size_t kHeaderBytesMax = 8 * 1024;
constexpr std::string_view kReserved =
    "connection|content-encoding|content-length|content-type|host|keep-alive|proxy-connection|te|"
    "trailer|transfer-encoding|upgrade|user-agent";

// The characters of a gRPC metadata name.
bool IsNameCharacter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
}

bool IsValueCharacter(char c) { return c >= 0x20 && c < 0x7f; }

// What is wrong with the header, or nothing.
std::string_view FaultOf(std::string_view name, const YamlNode& value) {
  if (!IsHeaderName(name)) {
    return "a header name consists of letters, digits, '-', '_' and '.'";
  }
  if (IsOneOf(name, kReserved) || name.starts_with("grpc-")) {
    return "this header belongs to the protocol and cannot be set";
  }
  if (name.ends_with("-bin")) {
    return "not supported yet: binary headers (-bin)";
  }
  if (value.kind != YamlNode::Kind::kScalar && value.variables.empty()) {
    return "expected a single value";
  }
  const std::string& text = value.text;
  if (!std::all_of(text.begin(), text.end(), IsValueCharacter) || text.starts_with(' ') ||
      text.ends_with(' ')) {
    return "the value must be printable ASCII without spaces at its ends";
  }
  if (name.size() + text.size() > kHeaderBytesMax) {
    return "name and value are longer than 8 KiB";
  }
  return {};
}

// `authorization:Bearer s3cret`, with a space missing, is all name: what is no name, or has no
// value, is not shown.
std::string ShownKey(std::string_view section, const YamlEntry& entry) {
  const YamlNode& value = *entry.value;
  const bool is_nothing = value.kind == YamlNode::Kind::kNull && value.variables.empty();
  const bool is_name = IsHeaderName(LowerCase(entry.key)) && !is_nothing;
  return std::string(section) + (is_name ? "." + Shown(entry.key) : "");
}

}  // namespace

bool IsHeaderName(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), IsNameCharacter);
}

std::vector<std::pair<std::string, std::string>> ReadHeaders(const YamlNode& node,
                                                             std::string_view shown,
                                                             FaultLog& log) {
  std::vector<std::pair<std::string, std::string>> headers;
  std::unordered_set<std::string> names;
  if (node.entries.size() > kHeadersMax) {
    log.Refuse(node.line, shown, "more than 64 headers");
    return headers;
  }
  for (const YamlEntry& entry : node.entries) {
    std::string name = LowerCase(entry.key);
    std::string_view fault = FaultOf(name, *entry.value);
    if (fault.empty() && !names.insert(name).second) {
      fault = "this header is set twice; case makes no difference";
    }
    if (!fault.empty()) {
      log.Refuse(entry.line, ShownKey(shown, entry), fault);
    }
    headers.emplace_back(std::move(name), entry.value->text);
  }
  return headers;
}

}  // namespace router
