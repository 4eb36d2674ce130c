// SearchNames: the full names to try, in order, for the name a user wrote (resolv.conf(5): search
// and ndots). We walk the list ourselves rather than let c-ares do it per record type, because both
// address families must come from the same candidate: a wildcard record in a later domain must not
// add strangers to the ring.
// Thread safety: pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace resolver {

// Without final dots. A name with a final dot stands for itself alone; a name with at least
// `dots_min` dots is tried as it is first, others last.
std::vector<std::string> SearchNames(std::string_view name, const std::vector<std::string>& domains,
                                     int dots_min);

}  // namespace resolver
