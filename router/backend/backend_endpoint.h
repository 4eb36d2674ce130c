// BackendEndpoint: one collector as discovery named it.
// Thread safety: a value.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <string>

namespace router {

struct BackendEndpoint {
  std::string name;       // identity: canonical "ip:port", or "host:port" of a static list
  std::string ring_name;  // what the ring hashes: `name`, or the Collector's spelling of it
  boost::asio::ip::tcp::endpoint address;
  std::string server_name =
      {};  // what its certificate must be for; empty when that is not looked at

  friend bool operator==(const BackendEndpoint&, const BackendEndpoint&) = default;
};

}  // namespace router
