// What checking secrets needs of OpenSSL: digests, and a comparison that tells nothing by its time.
// Thread safety: pure functions.
#pragma once

#include <openssl/evp.h>

#include <string>
#include <string_view>

namespace router {

// The raw digest of `text`, such as of EVP_md5().
std::string DigestOf(const EVP_MD* kind, std::string_view text);
// In a time that depends on the lengths alone.
bool IsSameSecret(std::string_view a, std::string_view b);

}  // namespace router
