#include "router/http2/idle_reset_filter.h"

#include <nghttp2/nghttp2.h>

namespace router {

bool IdleResetFilter::BeginFrame(const std::uint8_t* header) {
  left_ = std::size_t{header[0]} << 16 | std::size_t{header[1]} << 8 | header[2];
  const std::uint8_t type = header[3];
  const std::uint32_t stream = (std::uint32_t{header[5]} << 24 | std::uint32_t{header[6]} << 16 |
                                std::uint32_t{header[7]} << 8 | header[8]) &
                               0x7FFFFFFF;
  violation_ = order_.Note(type, header[4], stream);
  const bool is_headers = type == NGHTTP2_HEADERS || type == NGHTTP2_CONTINUATION;
  block_stream_ = is_headers ? stream : 0;
  is_block_end_ = (header[4] & NGHTTP2_FLAG_END_HEADERS) != 0;
  const std::uint32_t last = order_.last_opened();
  const bool is_idle = stream % 2 == 1 && last > 0 && stream > last;
  is_dropping_ = type == NGHTTP2_RST_STREAM && left_ == 4 && is_idle;
  return is_dropping_;
}

}  // namespace router
