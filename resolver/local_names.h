// LookUpLocally: the names that need no DNS, as users expect of any host name: IP addresses,
// the hosts file, localhost.
// Thread safety: any thread. Reads the hosts file each time, at most 1 MiB of it.
#pragma once

#include <boost/asio/ip/address.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace resolver {

// Empty when the name is not known here. `hosts_file` may be empty or missing.
std::vector<boost::asio::ip::address> LookUpLocally(std::string_view name,
                                                    const std::string& hosts_file);

}  // namespace resolver
