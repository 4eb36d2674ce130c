// HttpGet: one blocking HTTP/1.1 GET with a deadline, and a reader for Prometheus' text format.
// Thread safety: any thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "router/base/result.h"

namespace router::test {

struct HttpReply {
  int status = 0;
  std::string head;  // status line and headers
  std::string body;  // everything after them, chunked coding taken off
};

// `deadline` covers connecting, sending and receiving. The answer must end with the connection
// ("Connection: close" is asked for).
Result<HttpReply> HttpGet(const std::string& address, std::uint16_t port, std::string_view path,
                          std::chrono::milliseconds deadline);

// The samples of one scrape: `name{label="value",…}` exactly as printed → value.
using Samples = std::map<std::string, double, std::less<>>;
Samples ParsePrometheus(std::string_view text);
// The sum of a metric over its label sets that contain every text of `labels` (such as
// `reason="malformed"`); 0 when there is none.
double SumOf(const Samples& samples, std::string_view name,
             std::initializer_list<std::string_view> labels = {});

}  // namespace router::test
