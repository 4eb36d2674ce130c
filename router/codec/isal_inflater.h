// IsalInflater: the two wrappings of DEFLATE, gzip and zlib, with ISA-L.
//
// gzip (RFC 1952): concatenated members are one message; CRC and length of each are checked.
// zlib (RFC 1950): one stream, its Adler-32 is checked; no preset dictionary. This is what HTTP and
// gRPC call `deflate`; bare DEFLATE (RFC 1951) under that name is refused, as the Collector does.
// Thread safety: its worker only. Holds about 90 KiB of ISA-L state.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "router/codec/stream_inflater.h"

struct inflate_state;

namespace router {

class IsalInflater final : public StreamInflater {
 public:
  enum class Format : std::uint8_t { kGzip, kZlib };

  explicit IsalInflater(Format format);
  ~IsalInflater() override;

 private:
  std::size_t SizeHint(std::span<const std::uint8_t> in) const override;
  InflateProgress BeginFrame(std::span<const std::uint8_t> rest, BoundedOutput& output) override;
  Step Decode(std::span<const std::uint8_t> in, std::span<std::uint8_t> room) override;
  void Forget() override;

  const Format format_;
  std::unique_ptr<inflate_state> state_;
};

}  // namespace router
