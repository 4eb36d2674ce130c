// StreamInflater: an Inflater on top of a library that decodes step by step, frame after frame.
//
// Thread safety, invariants, failure: as for Inflater.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "router/codec/inflater.h"
#include "router/codec/work_bound.h"

namespace router {

class StreamInflater : public Inflater {
 protected:
  // What may follow the first frame.
  enum class Behind : std::uint8_t {
    kNothing,
    kFrames,
    kFramesAndSkippable,  // also frames that mean nothing (RFC 8878, 3.1.2); LZ4 has the same
  };
  struct Step {
    std::ptrdiff_t read;  // below 0: the last bytes of the step before belong to what follows
    std::size_t written;
    InflateProgress progress;  // kMore; kDone: the frame is complete; else why it cannot go on
  };

  explicit StreamInflater(Behind behind) : behind_(behind) {}

 private:
  InflateProgress InflateAll(std::span<const std::uint8_t> in, BoundedOutput& output) final;
  InflateProgress InflateFrame(WorkBound& work, const std::uint8_t*& next, BoundedOutput& output);

  // A frame begins with the first byte of `rest`, which is not empty: kMore, or why it cannot.
  virtual InflateProgress BeginFrame(std::span<const std::uint8_t> rest, BoundedOutput& output) = 0;
  // Decodes as much as `in` has and `room` takes; room is not empty.
  virtual Step Decode(std::span<const std::uint8_t> in, std::span<std::uint8_t> room) = 0;

  const Behind behind_;
};

// Unsigned little-endian number of bytes.size() <= 8 bytes.
std::uint64_t LittleEndian(std::span<const std::uint8_t> bytes);

}  // namespace router
