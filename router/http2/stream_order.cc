#include "router/http2/stream_order.h"

#include <nghttp2/nghttp2.h>

#include <algorithm>

namespace router {

bool StreamOrder::HasEnded(std::uint32_t stream) const {
  return std::find(ended_.begin(), ended_.end(), stream) != ended_.end();
}

void StreamOrder::Open(std::uint32_t stream) {
  const std::uint32_t next = last_opened_ == 0 ? 1 : last_opened_ + 2;
  if (stream > next) {
    gap_first_ = next;
    gap_end_ = stream;
  }
  last_opened_ = stream;
}

std::uint32_t StreamOrder::Note(std::uint8_t type, std::uint8_t flags, std::uint32_t stream) {
  if (stream % 2 == 0) return NGHTTP2_NO_ERROR;  // not a client's: nghttp2 judges
  const bool is_headers = type == NGHTTP2_HEADERS;
  if (is_headers || type == NGHTTP2_DATA) {
    if (is_headers && IsPassedOver(stream)) return NGHTTP2_PROTOCOL_ERROR;
    if (HasEnded(stream)) return NGHTTP2_STREAM_CLOSED;
    if (is_headers && stream > last_opened_) Open(stream);
    if ((flags & NGHTTP2_FLAG_END_STREAM) == 0) return NGHTTP2_NO_ERROR;
  } else if (type != NGHTTP2_RST_STREAM || HasEnded(stream)) {
    return NGHTTP2_NO_ERROR;
  }
  if (stream > last_opened_) return NGHTTP2_NO_ERROR;  // never opened: nghttp2 or the filter judges
  ended_[next_] = stream;
  next_ = (next_ + 1) % kRemembered;
  return NGHTTP2_NO_ERROR;
}

}  // namespace router
