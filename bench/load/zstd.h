// Zstandard both ways.
//
// Thread safety: one thread.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "bench/load/inflate_stream.h"

struct ZSTD_DCtx_s;

namespace bench {

// One frame holding `plain`.
std::vector<std::uint8_t> ZstdCompress(std::span<const std::uint8_t> plain);

// Inflates one frame as it arrives.
class UnzstdStream final : public InflateStream {
 public:
  UnzstdStream();
  ~UnzstdStream() override;
  UnzstdStream(const UnzstdStream&) = delete;
  UnzstdStream& operator=(const UnzstdStream&) = delete;

  void Feed(std::span<const std::uint8_t> piece) override { in_ = piece; }
  std::span<const std::uint8_t> Next() override;
  bool failed() const override { return failed_; }
  bool finished() const override { return finished_ && in_.empty(); }
  void Reset() override;

 private:
  ZSTD_DCtx_s* context_;
  std::span<const std::uint8_t> in_;
  std::vector<std::uint8_t> out_;
  bool failed_ = false;
  bool finished_ = false;
};

}  // namespace bench
