// Base64 as gRPC uses it for `-bin` metadata: the standard alphabet, with or without padding
// (P-06).
//
// Thread safety: pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace router {

// Nothing when `text` has a character outside the alphabet, wrong padding or an impossible length.
std::optional<std::string> DecodeBase64(std::string_view text);

// Without padding, as gRPC recommends.
std::string EncodeBase64(std::string_view bytes);

}  // namespace router
