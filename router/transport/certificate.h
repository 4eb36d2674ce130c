// Certificates and keys as files and text: reading them, and what a person wants to know of one.
//
// Thread safety: pure functions.
// Failure: a Result whose message says what is wrong, but not where: the caller knows the key.
#pragma once

#include <openssl/types.h>

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "router/base/result.h"

namespace router {

struct OpensslDeleter {
  void operator()(X509* certificate) const;
  void operator()(EVP_PKEY* key) const;
  void operator()(X509_STORE* store) const;
  void operator()(SSL_CTX* context) const;
};
using CertificatePtr = std::unique_ptr<X509, OpensslDeleter>;
using KeyPtr = std::unique_ptr<EVP_PKEY, OpensslDeleter>;

// All certificates of a PEM text, in its order; at least one.
Result<std::vector<CertificatePtr>> ParseCertificates(std::string_view pem);
// The first private key of a PEM text. One with a passphrase is refused.
Result<KeyPtr> ParseKey(std::string_view pem);

std::chrono::system_clock::time_point ExpiryOf(const X509& certificate);
// "2026-05-01 12:00:00 UTC".
std::string TextOf(std::chrono::system_clock::time_point time);
// The names and addresses it is for, "a.example, 10.0.0.1"; printable, at most a few.
std::string NamesOf(const X509& certificate);
// Whom it is for, whom it is signed by: "CN=x, O=y", printable.
std::string SubjectOf(const X509& certificate);
std::string IssuerOf(const X509& certificate);
// The oldest of the thread's OpenSSL errors in words; forgets all of them.
std::string TakeOpensslError();

}  // namespace router
