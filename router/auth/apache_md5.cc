#include "router/auth/apache_md5.h"

#include <algorithm>
#include <array>
#include <cstdint>

#include "router/auth/digest.h"

namespace router {
namespace {

constexpr std::string_view kMagic = "$apr1$";
constexpr std::size_t kSaltBytesMax = 8;
constexpr int kRounds = 1000;
constexpr std::size_t kDigestBytes = 16;

std::string Md5(const std::string& text) { return DigestOf(EVP_md5(), text); }

// Six bits a character, low bits first, in crypt's own alphabet.
void AppendBits(std::string& text, std::uint32_t value, int characters) {
  constexpr std::string_view kAlphabet =
      "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  for (; characters > 0; --characters, value >>= 6) text += kAlphabet[value & 63];
}

}  // namespace

std::string ApacheMd5(std::string_view password, std::string_view salt) {
  salt = salt.substr(0, kSaltBytesMax);
  const std::string word(password);
  const std::string grain(salt);
  const std::string inner = Md5(word + grain + word);
  std::string text = word + std::string(kMagic) + grain;
  for (std::size_t left = word.size(); left > 0; left -= std::min(left, kDigestBytes)) {
    text.append(inner, 0, std::min(left, kDigestBytes));
  }
  for (std::size_t bits = word.size(); bits > 0; bits >>= 1) {
    text += (bits & 1) != 0 ? '\0' : (word.empty() ? '\0' : word[0]);
  }
  std::string digest = Md5(text);
  for (int round = 0; round < kRounds; ++round) {
    std::string next = (round & 1) != 0 ? word : digest;
    if (round % 3 != 0) next += grain;
    if (round % 7 != 0) next += word;
    next += (round & 1) != 0 ? digest : word;
    digest = Md5(next);
  }
  const auto at = [&](std::size_t i) {
    return static_cast<std::uint32_t>(static_cast<unsigned char>(digest[i]));
  };
  std::string result;
  constexpr std::array<std::array<std::size_t, 3>, 5> kOrder = {
      {{0, 6, 12}, {1, 7, 13}, {2, 8, 14}, {3, 9, 15}, {4, 10, 5}}};
  for (const auto& [high, middle, low] : kOrder) {
    AppendBits(result, at(high) << 16 | at(middle) << 8 | at(low), 4);
  }
  AppendBits(result, at(11), 2);
  return result;
}

}  // namespace router
