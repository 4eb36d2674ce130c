// LineScanner: finds the empty line that ends a block of lines, and refuses bytes that have no
// place in one.
//
// A head (request line and fields) and the trailers of a chunked body are such blocks. What other
// parsers forgive, and then disagree about, is a fault here: a line feed without a carriage return,
// a carriage return without a line feed, NUL and other control characters, a line that begins with
// white space (obs-fold), a trailer that is no field: a token, a colon right behind it, a value.
// Thread safety: a value.
// Cost: one step per byte, each byte once however the block is cut; nothing is kept.
// Source: rule HS-18, RFC 9112 §2.2, §5.2.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace router {

class LineScanner {
 public:
  enum class Status : std::uint8_t {
    kMore,
    kEnd,            // `taken` bytes, the empty line included, are the rest of the block
    kBadByte,        // see why()
    kFirstTooLong,   // the first line has more than its bytes
    kBlockTooLarge,  // the block has more than its bytes
  };
  struct Limits {
    std::size_t block_bytes_max;
    std::size_t first_line_bytes_max;
    // Begins with a request line; an empty line before it is passed over. False: every line must be
    // a field, which of a head its reader sees to.
    bool is_head;
  };

  explicit LineScanner(const Limits& limits) : limits_(limits) {}

  // Looks at `bytes`; sets `taken` to how many of them were looked at.
  Status Scan(std::span<const std::uint8_t> bytes, std::size_t* taken);
  const char* why() const { return why_; }
  // Bytes so far.
  std::size_t size() const { return size_; }

 private:
  Status EndLine();
  Status CheckName(std::uint8_t byte);
  Status Refuse(const char* why);

  Limits limits_;
  std::size_t size_ = 0;
  std::size_t line_size_ = 0;
  std::size_t lines_ = 0;
  bool has_skipped_ = false;
  bool is_after_cr_ = false;
  bool has_name_ = false;  // of the field in this line: the colon has come
  const char* why_ = "";
};

}  // namespace router
