#include "router/transport/tls_names.h"

#include <algorithm>

namespace router {
namespace {

struct Name {
  std::string_view go;
  std::string_view openssl;  // empty: this OpenSSL does not have it
  bool is_tls13 = false;
};

constexpr Name kCipherSuites[] = {
    {"TLS_AES_128_GCM_SHA256", "TLS_AES_128_GCM_SHA256", true},
    {"TLS_AES_256_GCM_SHA384", "TLS_AES_256_GCM_SHA384", true},
    {"TLS_CHACHA20_POLY1305_SHA256", "TLS_CHACHA20_POLY1305_SHA256", true},
    {"TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "ECDHE-ECDSA-AES128-GCM-SHA256"},
    {"TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "ECDHE-RSA-AES128-GCM-SHA256"},
    {"TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", "ECDHE-ECDSA-AES256-GCM-SHA384"},
    {"TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", "ECDHE-RSA-AES256-GCM-SHA384"},
    {"TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", "ECDHE-ECDSA-CHACHA20-POLY1305"},
    {"TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", "ECDHE-RSA-CHACHA20-POLY1305"},
    // Go's older names of the last two.
    {"TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305", "ECDHE-ECDSA-CHACHA20-POLY1305"},
    {"TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305", "ECDHE-RSA-CHACHA20-POLY1305"},
    // Not AEAD: only for those who name them.
    {"TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA", "ECDHE-ECDSA-AES128-SHA"},
    {"TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA", "ECDHE-RSA-AES128-SHA"},
    {"TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA", "ECDHE-ECDSA-AES256-SHA"},
    {"TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA", "ECDHE-RSA-AES256-SHA"},
};

constexpr Name kCurves[] = {{"X25519", "X25519"},
                            {"P256", "P-256"},
                            {"P384", "P-384"},
                            {"P521", "P-521"},
                            {"X25519MLKEM768", ""}};

constexpr std::string_view kOwnTls12 =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"
    "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";
constexpr std::string_view kOwnTls13 =
    "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";
constexpr std::string_view kOwnGroups = "X25519:P-256:P-384:P-521";

template <std::size_t kSize>
const Name* Find(const Name (&names)[kSize], std::string_view go_name) {
  const auto* found = std::find_if(std::begin(names), std::end(names),
                                   [&](const Name& name) { return name.go == go_name; });
  return found == std::end(names) ? nullptr : found;
}

NameFate FateOf(const Name* name) {
  if (name == nullptr) return NameFate::kUnknown;
  return name->openssl.empty() ? NameFate::kMissing : NameFate::kKnown;
}

void AppendTo(std::string& list, std::string_view name) {
  if (!list.empty()) list += ':';
  list += name;
}

}  // namespace

NameFate FateOfCipherSuite(std::string_view go_name) {
  return FateOf(Find(kCipherSuites, go_name));
}

NameFate FateOfCurve(std::string_view go_name) { return FateOf(Find(kCurves, go_name)); }

CipherLists ToCipherLists(const std::vector<std::string>& go_names) {
  if (go_names.empty()) return {std::string(kOwnTls12), std::string(kOwnTls13)};
  CipherLists lists;
  for (const std::string& go_name : go_names) {
    const Name* name = Find(kCipherSuites, go_name);
    if (name != nullptr) AppendTo(name->is_tls13 ? lists.tls13 : lists.tls12, name->openssl);
  }
  if (lists.tls13.empty()) lists.tls13 = kOwnTls13;
  return lists;
}

std::string ToGroupList(const std::vector<std::string>& go_names) {
  std::string list;
  for (const std::string& go_name : go_names) {
    const Name* name = Find(kCurves, go_name);
    if (FateOf(name) == NameFate::kKnown) AppendTo(list, name->openssl);
  }
  return list.empty() ? std::string(kOwnGroups) : list;
}

}  // namespace router
