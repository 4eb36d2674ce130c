// ApacheMd5: the `$apr1$` password hash, which htpasswd writes when it is asked for nothing else.
// Source: apr_md5.c of the Apache Portable Runtime; MD5-crypt with another magic.
// Thread safety: a pure function.
#pragma once

#include <string>
#include <string_view>

namespace router {

// The hash, 22 characters, of `password` with `salt` (at most 8 characters count).
std::string ApacheMd5(std::string_view password, std::string_view salt);

}  // namespace router
