// One look-up of a host name by the system's resolver, with a deadline, for the command line.
//
// Thread safety: any thread; blocks until the answer or the deadline. The system's look-up cannot
// be called off: after the deadline a thread of its own goes on waiting for it, with nothing that
// is anybody else's, until the process ends.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <cstdint>
#include <string>
#include <vector>

#include "router/base/clock.h"
#include "router/base/result.h"

namespace router {

// Every address of `host`, a name or an address, with that port. An error, also at the deadline,
// names the host.
Result<std::vector<boost::asio::ip::tcp::endpoint>> LookUp(const std::string& host,
                                                           std::uint16_t port, TimePoint deadline);

}  // namespace router
