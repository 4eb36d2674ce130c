// Gzip both ways over ISA-L, for a load generator and a sink that must cost less than what they
// measure.
//
// Thread safety: one thread.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "bench/load/inflate_stream.h"

struct inflate_state;

namespace bench {

// One gzip member holding `plain`.
std::vector<std::uint8_t> GzipCompress(std::span<const std::uint8_t> plain);

// Inflates one member as it arrives.
class GunzipStream final : public InflateStream {
 public:
  GunzipStream();
  ~GunzipStream() override;
  GunzipStream(const GunzipStream&) = delete;
  GunzipStream& operator=(const GunzipStream&) = delete;

  void Feed(std::span<const std::uint8_t> piece) override;
  std::span<const std::uint8_t> Next() override;
  bool failed() const override { return failed_; }
  bool finished() const override;
  void Reset() override;

 private:
  std::unique_ptr<inflate_state> state_;
  std::vector<std::uint8_t> out_;
  bool failed_ = false;
};

}  // namespace bench
