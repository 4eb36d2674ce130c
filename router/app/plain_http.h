// One GET of a small page over plain HTTP/1.1, for the command line.
// Thread safety: any thread; blocks until the answer or the deadline.
#pragma once

#include <string>
#include <string_view>

#include "router/base/clock.h"
#include "router/base/result.h"

namespace router {

struct HttpReply {
  unsigned status = 0;
  std::string body;
};

// `url`: http://HOST[:PORT][/PATH]. An error: the URL is none of these, or no whole answer came.
Result<HttpReply> GetPlainHttp(std::string_view url, TimePoint deadline);

}  // namespace router
