// One GET of a small page over plain HTTP/1.1, for the command line.
// Thread safety: any thread; blocks until the answer or the deadline.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "router/base/clock.h"
#include "router/base/result.h"

namespace router {

struct HttpReply {
  unsigned status = 0;
  std::string body;
};

struct PlainUrl {
  std::string text;       // as written
  std::string authority;  // HOST[:PORT]
  std::string host;
  std::uint16_t port = 80;
  std::string path = "/";
};

// `text`: http://HOST[:PORT][/PATH]. An error says what else it is.
Result<PlainUrl> ParsePlainUrl(std::string_view text);

// An error: no whole answer came before the deadline, the look-up of the name included.
Result<HttpReply> GetPlainHttp(const PlainUrl& url, TimePoint deadline);

}  // namespace router
