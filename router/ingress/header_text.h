// Small readers of header values: lists, parameters.
// Thread safety: pure functions; results refer into their arguments.
#pragma once

#include <string_view>

namespace router {

// The first item of a list separated by `separator`, trimmed; `rest` is left with what follows.
std::string_view TakeListItem(std::string_view& rest, char separator = ',');
// Does an accept-encoding take gzip? Items with q=0 do not; "*" stands for what is not named.
bool AcceptsGzip(std::string_view accept_encoding);

}  // namespace router
