// WireWriter: Protobuf bytes written by hand, as oddly as a test wants them.
//
// Optional padding: with a `padding` engine, tags, lengths and varints get needless continuation
// bytes, up to the lengths Protobuf still accepts (5, 5 and 10).
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <string_view>

namespace router::test {

class WireWriter {
 public:
  explicit WireWriter(std::mt19937_64* padding = nullptr) : padding_(padding) {}

  WireWriter& Varint(std::uint64_t value, int bytes_max = 10) {
    std::string text;
    for (; value >= 0x80; value >>= 7) text.push_back(static_cast<char>(value | 0x80));
    text.push_back(static_cast<char>(value));
    int pad = 0;
    if (padding_ != nullptr && (*padding_)() % 4 == 0) {
      const int room = bytes_max - static_cast<int>(text.size());
      if (room > 0) pad = static_cast<int>((*padding_)() % static_cast<unsigned>(room + 1));
    }
    for (; pad > 0; --pad) {
      text.back() = static_cast<char>(text.back() | 0x80);
      text.push_back('\0');
    }
    bytes_ += text;
    return *this;
  }
  WireWriter& Tag(std::uint32_t field, std::uint32_t type) { return Varint(field << 3 | type, 5); }
  WireWriter& Raw(std::string_view bytes) {
    bytes_ += bytes;
    return *this;
  }
  WireWriter& Number(std::uint32_t field, std::uint64_t value) {
    return Tag(field, 0).Varint(value);
  }
  WireWriter& Fixed64(std::uint32_t field, std::string_view eight) {
    return Tag(field, 1).Raw(eight);
  }
  WireWriter& Bytes(std::uint32_t field, std::string_view bytes) {
    return Tag(field, 2).Varint(bytes.size(), 5).Raw(bytes);
  }
  WireWriter& Group(std::uint32_t field, std::string_view content) {
    return Tag(field, 3).Raw(content).Tag(field, 4);
  }
  WireWriter& Fixed32(std::uint32_t field, std::string_view four) {
    return Tag(field, 5).Raw(four);
  }

  const std::string& bytes() const { return bytes_; }

 private:
  std::mt19937_64* padding_;
  std::string bytes_;
};

}  // namespace router::test
