// Go's names of cipher suites and curves, as the Collector's files have them, and OpenSSL's.
// Thread safety: pure functions.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace router {

struct CipherLists {
  std::string tls12;  // as SSL_CTX_set_cipher_list() wants it; empty: none of TLS 1.2
  std::string tls13;  // as SSL_CTX_set_ciphersuites() wants it
};

enum class NameFate {
  kKnown,
  kMissing,  // Go has it, this OpenSSL does not
  kUnknown,  // or not safe
};
NameFate FateOfCipherSuite(std::string_view go_name);
NameFate FateOfCurve(std::string_view go_name);

// Names that are not kKnown are left out. An empty list is our own choice: ECDHE and AEAD only.
// As in Go, the suites of TLS 1.3 cannot be taken away: none named is all of them.
CipherLists ToCipherLists(const std::vector<std::string>& go_names);
// "X25519:P-256", as SSL_CTX_set1_groups_list() wants it.
std::string ToGroupList(const std::vector<std::string>& go_names);

}  // namespace router
