// BackendOptions: how every backend is connected to and asked, from the configuration.
// Thread safety: a value; shared between workers as const.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "router/base/clock.h"
#include "router/transport/tls_context.h"

namespace router {

struct BackendOptions {
  milliseconds connect_timeout{1000};
  // Calls that are given up prove nothing before the backend has been silent for so long.
  milliseconds silence_min{2000};
  std::uint32_t in_flight_max = 256;
  std::size_t pending_bytes_max = std::size_t{64} << 20;  // in flight and waiting, not compressed
  // Attempts that leave together go out as one message up to so many bytes before compression.
  std::size_t merged_bytes_max = 0;  // none
  // Then the connection is replaced: HTTP/2 has 2^30 stream numbers for one.
  std::uint32_t calls_per_connection_max = 1'000'000'000;
  std::vector<std::pair<std::string, std::string>>
      headers;  // static, lower-case names; may be secret
  std::string user_agent = "spanring";
  TlsContext::Ptr tls = nullptr;  // null: plaintext

  bool operator==(const BackendOptions&) const = default;
};

}  // namespace router
