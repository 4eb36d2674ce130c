#include "router/app/env_expansion.h"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <utility>

namespace router {
namespace {

constexpr int kReferencesMax = 100;
constexpr std::size_t kTextBytesMax = 64 * 1024;

bool IsNameStart(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool IsNameCharacter(char c) { return IsNameStart(c) || (c >= '0' && c <= '9'); }

bool IsName(std::string_view name) {
  return !name.empty() && IsNameStart(name.front()) &&
         std::all_of(name.begin(), name.end(), IsNameCharacter);
}

struct Place {
  std::size_t begin;  // of `${`
  std::size_t end;    // after `}`
};

// The first reference that contains no other; one with an odd number of `$` before it is escaped.
std::optional<Place> FindReference(std::string_view text) {
  std::size_t from = 0;
  while (true) {
    const std::size_t close = text.find('}', from);
    if (close == std::string_view::npos) {
      return std::nullopt;
    }
    const std::size_t open = text.substr(from, close - from).rfind("${");
    if (open != std::string_view::npos) {
      const std::size_t begin = from + open;
      std::size_t dollars = 0;
      while (dollars < begin && text[begin - 1 - dollars] == '$') {
        ++dollars;
      }
      if (dollars % 2 == 0) {
        return Place{begin, close + 1};
      }
    }
    from = close + 1;
  }
}

std::string WithoutEscapes(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    out += text[i];
    if (text[i] == '$' && i + 1 < text.size() && text[i + 1] == '$') {
      ++i;
    }
  }
  return out;
}

// The value of one reference, without its braces; what is wrong goes into `expansion`.
std::string ValueOf(std::string_view reference, const EnvironmentLookup& environment,
                    Expansion& expansion) {
  std::string_view name = reference;
  std::optional<std::string_view> fallback;
  if (name.starts_with("env:")) {
    name.remove_prefix(4);
  }
  if (const std::size_t at = name.find(":-"); at != std::string_view::npos) {
    fallback = name.substr(at + 2);
    name = name.substr(0, at);
  }
  if (!IsName(name)) {
    const bool is_provider = name.find(':') != std::string_view::npos;
    std::string& complaint = expansion.complaints.emplace_back(
        is_provider
            ? "not supported yet: only environment variables, ${env:NAME}, can be referred to"
            : "a variable's name consists of letters, digits and _, as in ${env:NAME}");
    if (name.starts_with("file:")) {
      complaint += " (give a variable what the file holds: NAME=\"$(cat FILE)\")";
    }
    return {};
  }
  std::optional<std::string> value = environment(std::string(name));
  if (!value && !fallback) {
    expansion.unset.emplace_back(name);
  }
  if ((!value || value->empty()) && fallback) {
    return std::string(*fallback);
  }
  return std::move(value).value_or("");
}

}  // namespace

Expansion ExpandEnvironment(std::string_view text, const EnvironmentLookup& environment) {
  Expansion expansion;
  expansion.text = text;
  for (int references = 0;; ++references) {
    const std::optional<Place> place = FindReference(expansion.text);
    if (!place) {
      break;
    }
    if (references == kReferencesMax) {
      expansion.complaints.emplace_back("more than 100 variables in one value");
      break;
    }
    const std::size_t length = place->end - place->begin;
    expansion.has_references = true;
    expansion.is_whole = length == expansion.text.size();
    const std::string reference = expansion.text.substr(place->begin + 2, length - 3);
    expansion.text.replace(place->begin, length, ValueOf(reference, environment, expansion));
    if (expansion.text.size() > kTextBytesMax) {
      expansion.complaints.emplace_back("longer than 64 KiB after its variables are expanded");
      expansion.text.clear();
      break;
    }
  }
  expansion.text = WithoutEscapes(expansion.text);
  return expansion;
}

}  // namespace router
