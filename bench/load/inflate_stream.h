// InflateStream: one compressed body, inflated as it arrives.
//
// Thread safety: one thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace bench {

// Feed() a piece, then call Next() until it gives an empty view; each view lives until the next
// call.
class InflateStream {
 public:
  virtual ~InflateStream() = default;
  // REQUIRES: the previous piece was used up (Next() came back empty).
  virtual void Feed(std::span<const std::uint8_t> piece) = 0;
  virtual std::span<const std::uint8_t> Next() = 0;
  // The input was not what it claimed to be.
  virtual bool failed() const = 0;
  // The body was read to its end, checksum included.
  virtual bool finished() const = 0;
  // Ready for another body.
  virtual void Reset() = 0;
};

// For "gzip" or "zstd"; null for anything else.
std::unique_ptr<InflateStream> MakeInflateStream(std::string_view encoding);
// A short body whole; nullopt if it is damaged or of another encoding.
std::optional<std::string> Inflate(std::string_view encoding, std::string_view body);

}  // namespace bench
