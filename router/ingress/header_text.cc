#include "router/ingress/header_text.h"

#include "router/base/ascii_text.h"

namespace router {
namespace {

// "q=0", "q=0.0" and so on; anything else that is no number counts as willing.
bool IsZeroWeight(std::string_view parameters) {
  while (!parameters.empty()) {
    std::string_view parameter = TakeListItem(parameters, ';');
    if (parameter.size() < 3 || (parameter[0] | 0x20) != 'q' || parameter[1] != '=') continue;
    return parameter.substr(2).find_first_not_of("0.") == std::string_view::npos;
  }
  return false;
}

}  // namespace

std::string_view TakeListItem(std::string_view& rest, char separator) {
  const std::size_t end = rest.find(separator);
  const std::string_view item = rest.substr(0, end);
  rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
  return Trimmed(item);
}

bool AcceptsGzip(std::string_view accept_encoding) {
  bool is_any = false;
  while (!accept_encoding.empty()) {
    std::string_view item = TakeListItem(accept_encoding);
    const std::string_view name = TakeListItem(item, ';');
    if (IsSameText(name, "gzip")) return !IsZeroWeight(item);
    if (name == "*") is_any = !IsZeroWeight(item);
  }
  return is_any;
}

}  // namespace router
