#include "router/backend/message.h"

#include <algorithm>
#include <utility>

#include "router/backend/backend.h"
#include "router/codec/gzip_join.h"

namespace router {
namespace {

// Each part costs two entries of a gathering write.
constexpr std::size_t kPartsMax = 64;

bool IsMergeable(const Attempt& attempt) {
  return !attempt.goes_alone &&
         (attempt.compression == Compression::kNone || attempt.compression == Compression::kGzip);
}

std::span<const std::uint8_t> MessageOf(const Attempt& attempt) {
  return attempt.frame.subspan(Body::kHeadroomBytes);
}

// What stands in front of all parts and behind them.
BodyRange Own(const std::shared_ptr<Body>& own, std::size_t begin, std::size_t bytes) {
  return {own, std::span(std::as_const(*own).data() - Body::kHeadroomBytes + begin, bytes)};
}

}  // namespace

void Message::OnResponse(GrpcResponse&& response) {
  backend_.OnResponse(*this, std::move(response));
}

void Message::Clear() {
  attempts.clear();
  attempts_sent = spans_sent = 0;
  connection = nullptr;
  call = nullptr;
  is_counted_unanswered = false;
}

std::size_t CountMergeable(const std::deque<Attempt*>& waiting, std::size_t bytes_max) {
  const Attempt& first = *waiting.front();
  if (bytes_max == 0 || !IsMergeable(first)) return 1;
  std::size_t count = 1;
  std::size_t bytes = first.plain_bytes;
  while (count < std::min(waiting.size(), kPartsMax)) {
    const Attempt& next = *waiting[count];
    bytes += next.plain_bytes;
    if (bytes > bytes_max || !IsMergeable(next) || next.compression != first.compression) break;
    ++count;
  }
  return count;
}

std::optional<BodyRanges> Join(std::span<Attempt* const> attempts) {
  BodyRanges ranges;
  if (attempts.size() == 1) {
    ranges.push_back({attempts[0]->body, attempts[0]->frame});
    return ranges;
  }
  const bool is_gzip = attempts[0]->compression == Compression::kGzip;
  const std::size_t own_bytes = is_gzip ? GzipJoin::kHeaderBytes + GzipJoin::kTrailerBytes : 0;
  auto own = std::make_shared<Body>(attempts[0]->body->account());
  if (!own->Reserve(own_bytes)) return std::nullopt;
  ranges.reserve(attempts.size() + 2);
  ranges.push_back({});
  std::size_t bytes = own_bytes;
  GzipJoin join;
  for (const Attempt* attempt : attempts) {
    const std::span<const std::uint8_t> part =
        is_gzip ? join.Add(MessageOf(*attempt)) : MessageOf(*attempt);
    bytes += part.size();
    ranges.push_back({attempt->body, part});
  }
  if (is_gzip) {
    join.WriteHeader(own->data());
    join.WriteTrailer(own->data() + GzipJoin::kHeaderBytes);
    ranges.push_back(
        Own(own, Body::kHeadroomBytes + GzipJoin::kHeaderBytes, GzipJoin::kTrailerBytes));
  }
  own->WriteGrpcPrefix(is_gzip, bytes);
  ranges[0] = Own(own, 0, Body::kHeadroomBytes + (is_gzip ? GzipJoin::kHeaderBytes : 0));
  return ranges;
}

std::uint64_t ShareOfRejected(std::uint64_t rejected, std::uint64_t spans_sent,
                              std::uint64_t spans_before, std::uint64_t spans) {
  if (spans_sent == 0) return 0;
  const auto share_until = [&](std::uint64_t end) {
    return std::min(rejected, spans_sent) * end / spans_sent;  // both below 2^32: no overflow
  };
  return share_until(spans_before + spans) - share_until(spans_before);
}

}  // namespace router
