// Small makers of nghttp2 header fields.
// Thread safety: pure.
#pragma once

#include <nghttp2/nghttp2.h>

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace router {

// A field whose bytes nghttp2 copies.
inline nghttp2_nv Field(std::string_view name, std::string_view value,
                        std::uint8_t flags = NGHTTP2_NV_FLAG_NONE) {
  return {reinterpret_cast<std::uint8_t*>(const_cast<char*>(name.data())),
          reinterpret_cast<std::uint8_t*>(const_cast<char*>(value.data())), name.size(),
          value.size(), flags};
}

// A field whose bytes outlive the connection: nothing is copied.
inline nghttp2_nv StaticField(std::string_view name, std::string_view value) {
  return Field(name, value, NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE);
}

// What a field counts towards a bound on headers: as SETTINGS_MAX_HEADER_LIST_SIZE has it.
inline std::size_t FieldBytes(std::size_t name_size, std::size_t value_size) {
  return name_size + value_size + 32;
}

inline std::string_view View(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

}  // namespace router
