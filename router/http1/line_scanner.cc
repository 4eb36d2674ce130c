#include "router/http1/line_scanner.h"

namespace router {
namespace {

bool IsControl(std::uint8_t byte) { return (byte < 0x20 && byte != '\t') || byte == 0x7F; }

}  // namespace

LineScanner::Status LineScanner::Refuse(const char* why) {
  why_ = why;
  return Status::kBadByte;
}

LineScanner::Status LineScanner::EndLine() {
  is_after_cr_ = false;
  const bool is_empty = line_size_ == 0;
  line_size_ = 0;
  if (!is_empty) {
    ++lines_;
    return Status::kMore;
  }
  if (lines_ > 0 || !limits_.is_head) return Status::kEnd;
  if (has_skipped_) return Refuse("empty lines in front of the request line");
  has_skipped_ = true;
  return Status::kMore;
}

LineScanner::Status LineScanner::Scan(std::span<const std::uint8_t> bytes, std::size_t* taken) {
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const std::uint8_t byte = bytes[i];
    *taken = i + 1;
    if (++size_ > limits_.block_bytes_max) return Status::kBlockTooLarge;
    if (is_after_cr_) {
      if (byte != '\n') return Refuse("a carriage return without a line feed");
      if (const Status status = EndLine(); status != Status::kMore) return status;
      continue;
    }
    if (byte == '\r') {
      is_after_cr_ = true;
      continue;
    }
    if (byte == '\n') return Refuse("a line feed without a carriage return");
    if (IsControl(byte)) return Refuse("a control character in the head of the request");
    if (line_size_ == 0 && (byte == ' ' || byte == '\t')) {
      return Refuse("a line that begins with white space");
    }
    if (++line_size_ > limits_.first_line_bytes_max && lines_ == 0) return Status::kFirstTooLong;
  }
  return Status::kMore;
}

}  // namespace router
