#include "router/http1/line_scanner.h"

#include <string_view>
#include <utility>

namespace router {
namespace {

constexpr const char* kNoName = "a trailer field without a valid name";

bool IsControl(std::uint8_t byte) { return (byte < 0x20 && byte != '\t') || byte == 0x7F; }

bool IsInToken(std::uint8_t byte) {
  const bool is_digit = byte >= '0' && byte <= '9';
  const bool is_letter = (byte | 0x20) >= 'a' && (byte | 0x20) <= 'z';
  constexpr std::string_view kOthers = "!#$%&'*+-.^_`|~";
  return is_digit || is_letter || kOthers.find(static_cast<char>(byte)) != std::string_view::npos;
}

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
    if (!limits_.is_head && !std::exchange(has_name_, false)) return Refuse(kNoName);
    ++lines_;
    return Status::kMore;
  }
  if (lines_ > 0 || !limits_.is_head) return Status::kEnd;
  if (has_skipped_) return Refuse("empty lines in front of the request line");
  has_skipped_ = true;
  return Status::kMore;
}

LineScanner::Status LineScanner::CheckName(std::uint8_t byte) {
  has_name_ = byte == ':' && line_size_ > 0;
  return has_name_ || IsInToken(byte) ? Status::kMore : Refuse(kNoName);
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
    if (!limits_.is_head && !has_name_) {
      if (const Status status = CheckName(byte); status != Status::kMore) return status;
    }
    if (++line_size_ > limits_.first_line_bytes_max && lines_ == 0) return Status::kFirstTooLong;
  }
  return Status::kMore;
}

}  // namespace router
