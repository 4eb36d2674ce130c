#include "router/auth/digest.h"

#include <openssl/crypto.h>

namespace router {

std::string DigestOf(const EVP_MD* kind, std::string_view text) {
  std::string digest(EVP_MAX_MD_SIZE, '\0');
  unsigned size = 0;
  EVP_Digest(text.data(), text.size(), reinterpret_cast<unsigned char*>(digest.data()), &size, kind,
             nullptr);
  digest.resize(size);
  return digest;
}

bool IsSameSecret(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace router
