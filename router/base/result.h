// Result<T>: a value or the reason there is none, for the control plane (config, set-up, resolver).
// The data path uses small enums instead (no strings, no allocation).
// Thread safety: a value type.
#pragma once

#include <string>
#include <tl/expected.hpp>

namespace router {

// What went wrong, for a person: says what, which, and the limit or the next step.
struct Error {
  std::string message;
};

template <typename T>
using Result = tl::expected<T, Error>;

inline tl::unexpected<Error> Failure(std::string message) {
  return tl::unexpected<Error>(Error{std::move(message)});
}

}  // namespace router
