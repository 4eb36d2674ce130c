#include "resolver/search_list.h"

#include <algorithm>

namespace resolver {

std::vector<std::string> SearchNames(std::string_view name, const std::vector<std::string>& domains,
                                     int dots_min) {
  if (!name.empty() && name.back() == '.') {
    return {std::string(name.substr(0, name.size() - 1))};
  }
  std::vector<std::string> names;
  for (const std::string& domain : domains) {
    const bool root = domain.empty() || domain == ".";
    if (!root) {
      names.push_back(std::string(name) + "." + domain);
    }
  }
  const bool plain_first = std::count(name.begin(), name.end(), '.') >= dots_min;
  names.insert(plain_first ? names.begin() : names.end(), std::string(name));
  return names;
}

}  // namespace resolver
