#include "router/backend/message.h"

#include <algorithm>
#include <utility>

#include "router/backend/backend.h"

namespace router {
namespace {

// Each part costs two entries of a gathering write.
constexpr std::size_t kPartsMax = 64;

std::span<const std::uint8_t> MessageOf(const Attempt& attempt) {
  return attempt.frame.subspan(Body::kHeadroomBytes);
}

std::size_t SizeOf(std::span<Attempt* const> attempts) {
  std::size_t bytes = 0;
  for (const Attempt* attempt : attempts) bytes += MessageOf(*attempt).size();
  return bytes;
}

// Compressed as one: cheaper than each alone, and smaller.
std::optional<BodyRanges> JoinCompressed(std::span<Attempt* const> attempts, Codec& codec) {
  const Attempt& first = *attempts[0];
  std::span<const std::uint8_t> message = MessageOf(first);
  Body joined(first.body->account());
  if (attempts.size() > 1) {
    if (!joined.Reserve(SizeOf(attempts))) return std::nullopt;
    for (const Attempt* attempt : attempts) {
      if (!joined.Append(MessageOf(*attempt))) return std::nullopt;
    }
    message = joined.bytes();
  }
  auto packed = std::make_shared<Body>(first.body->account());
  if (!codec.Deflate(first.compression, message, *packed)) return std::nullopt;
  const std::span<const std::uint8_t> frame = packed->FrameAsGrpc(true);
  BodyRanges ranges;
  ranges.push_back({std::move(packed), frame});
  return ranges;
}

}  // namespace

void Message::OnResponse(GrpcResponse&& response) {
  backend_.OnResponse(*this, std::move(response));
}

void Message::Clear() {
  attempts.clear();
  attempts_sent = 0;
  connection = nullptr;
  call = nullptr;
  is_counted_unanswered = false;
}

std::size_t CountMergeable(const std::deque<Attempt*>& waiting, std::size_t bytes_max) {
  const Attempt& first = *waiting.front();
  if (bytes_max == 0 || first.goes_alone) return 1;
  std::size_t count = 1;
  std::size_t bytes = MessageOf(first).size();
  while (count < std::min(waiting.size(), kPartsMax)) {
    const Attempt& next = *waiting[count];
    bytes += MessageOf(next).size();
    if (bytes > bytes_max || next.goes_alone || next.compression != first.compression) break;
    ++count;
  }
  return count;
}

std::optional<BodyRanges> Join(std::span<Attempt* const> attempts, Codec& codec) {
  const Attempt& first = *attempts[0];
  if (first.compression != Compression::kNone) return JoinCompressed(attempts, codec);
  BodyRanges ranges;
  if (attempts.size() == 1) {
    ranges.push_back({first.body, first.frame});
    return ranges;
  }
  auto prefix = std::make_shared<Body>(first.body->account());
  if (!prefix->Reserve(0)) return std::nullopt;
  ranges.reserve(attempts.size() + 1);
  ranges.push_back({});
  for (const Attempt* attempt : attempts) ranges.push_back({attempt->body, MessageOf(*attempt)});
  const std::span<const std::uint8_t> bytes = prefix->FrameAsGrpc(false, SizeOf(attempts));
  ranges[0] = {std::move(prefix), bytes};
  return ranges;
}

}  // namespace router
