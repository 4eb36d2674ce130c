// Cors: which web pages may send traces here, as confighttp's `cors` block says it.
//
// Behaves as rs/cors, which the Collector uses: an origin may contain one `*`; preflight requests
// are answered 204 whether or not they are granted, since it is the browser that acts on it.
// Thread safety: a value; const methods from any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace router {

struct Cors {
  std::vector<std::string> allowed_origins = {};  // lower case; empty: CORS is off
  std::vector<std::string> allowed_headers = {};  // lower case; "*": all
  std::string exposed_headers = {};               // the value as sent
  std::string max_age = {};                       // seconds, as sent; empty: not sent

  bool is_on() const { return !allowed_origins.empty(); }
  bool AllowsEveryOrigin() const;
  bool AllowsOrigin(std::string_view origin) const;
  // `names`: the value of access-control-request-headers.
  bool AllowsHeaders(std::string_view names) const;

  bool operator==(const Cors&) const = default;
};

}  // namespace router
