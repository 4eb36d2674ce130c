// Gzip both ways over ISA-L, for a load generator and a sink that must cost less than what they
// measure.
//
// Thread safety: one thread.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

struct inflate_state;

namespace bench {

// One gzip member holding `plain`.
std::vector<std::uint8_t> GzipCompress(std::span<const std::uint8_t> plain);

// GunzipStream: inflates one member as it arrives. Feed() a piece, then call Next() until it gives
// an empty view; each view lives until the next call.
class GunzipStream {
 public:
  GunzipStream();
  ~GunzipStream();
  GunzipStream(const GunzipStream&) = delete;
  GunzipStream& operator=(const GunzipStream&) = delete;

  // REQUIRES: the previous piece was used up (Next() came back empty).
  void Feed(std::span<const std::uint8_t> piece);
  std::span<const std::uint8_t> Next();

  // The input was not gzip.
  bool failed() const { return failed_; }
  // The member and its checksum were read to the end.
  bool finished() const;

 private:
  std::unique_ptr<inflate_state> state_;
  std::vector<std::uint8_t> out_;
  bool failed_ = false;
};

}  // namespace bench
