#include "router/ingress/cors.h"

#include <algorithm>

#include "router/base/ascii_text.h"
#include "router/ingress/header_text.h"

namespace router {
namespace {

// Always allowed: what a browser adds itself, and what every OTLP request has.
constexpr std::string_view kPlainHeaders[] = {"origin", "accept", "content-type",
                                              "x-requested-with"};

bool Matches(std::string_view pattern, std::string_view origin) {
  const std::size_t star = pattern.find('*');
  if (star == std::string_view::npos) return IsSameText(origin, pattern);
  const std::string_view front = pattern.substr(0, star);
  const std::string_view back = pattern.substr(star + 1);
  return origin.size() >= front.size() + back.size() &&
         IsSameText(origin.substr(0, front.size()), front) &&
         IsSameText(origin.substr(origin.size() - back.size()), back);
}

}  // namespace

bool Cors::AllowsEveryOrigin() const {
  return std::find(allowed_origins.begin(), allowed_origins.end(), "*") != allowed_origins.end();
}

bool Cors::AllowsOrigin(std::string_view origin) const {
  return std::any_of(allowed_origins.begin(), allowed_origins.end(),
                     [&](const std::string& pattern) { return Matches(pattern, origin); });
}

bool Cors::AllowsHeaders(std::string_view names) const {
  while (!names.empty()) {
    const std::string_view name = TakeListItem(names);
    const auto is_it = [&](std::string_view allowed) {
      return allowed == "*" || IsSameText(name, allowed);
    };
    if (name.empty() || std::any_of(std::begin(kPlainHeaders), std::end(kPlainHeaders), is_it) ||
        std::any_of(allowed_headers.begin(), allowed_headers.end(), is_it)) {
      continue;
    }
    return false;
  }
  return true;
}

}  // namespace router
