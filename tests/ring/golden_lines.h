// GoldenLines: the vectors under tests/golden, as lists of strings.
#pragma once

#include <cstdint>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace router {

inline std::vector<std::string> SplitText(const std::string& text, char separator) {
  std::vector<std::string> parts;
  std::istringstream stream(text);
  for (std::string part; std::getline(stream, part, separator);) parts.push_back(part);
  return parts;
}

// Throws when the file is missing, so that a test cannot pass on nothing.
inline std::vector<std::vector<std::string>> ReadGoldenLines(const std::string& file) {
  const std::string path = std::string(SPANRING_GOLDEN_DIR "/") + file;
  std::ifstream stream(path);
  if (!stream) throw std::runtime_error("cannot read " + path);
  std::vector<std::vector<std::string>> lines;
  for (std::string line; std::getline(stream, line);) lines.push_back(SplitText(line, ','));
  return lines;
}

inline std::vector<std::uint8_t> BytesFromHex(const std::string& hex) {
  std::vector<std::uint8_t> bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes.push_back(static_cast<std::uint8_t>(std::stoul(hex.substr(i, 2), nullptr, 16)));
  }
  return bytes;
}

}  // namespace router
