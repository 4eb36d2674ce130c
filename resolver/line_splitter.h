// LineSplitter: bytes that come in pieces of any size → whole lines.
// Thread safety: none needed, one owner. Holds at most one unfinished line.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace resolver {

class LineSplitter {
 public:
  explicit LineSplitter(std::size_t line_bytes_max) : line_bytes_max_(line_bytes_max) {}

  // Calls `on_line(std::string_view)` for each line that ends within `bytes`, without its end,
  // until it returns false. False: it did, or a line is longer than the limit; the splitter is done
  // then.
  template <typename OnLine>
  bool Take(std::string_view bytes, OnLine on_line) {
    while (!bytes.empty()) {
      const std::size_t end = bytes.find('\n');
      const std::string_view piece = bytes.substr(0, end);
      if (rest_.size() + piece.size() > line_bytes_max_) {
        is_too_long_ = true;
        return false;
      }
      if (end == std::string_view::npos) {
        rest_.append(piece);
        return true;
      }
      bytes.remove_prefix(end + 1);
      std::string joined;
      if (!rest_.empty()) {
        joined.swap(rest_);
        joined.append(piece);
      }
      const std::string_view line = joined.empty() ? piece : std::string_view(joined);
      if (!line.empty() && !on_line(line)) return false;
    }
    return true;
  }

  bool is_too_long() const { return is_too_long_; }

 private:
  std::size_t line_bytes_max_;
  std::string rest_;  // of a line that has not ended
  bool is_too_long_ = false;
};

}  // namespace resolver
