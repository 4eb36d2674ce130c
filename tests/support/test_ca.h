// TestCa: an authority that signs certificates on the spot, so that no key is kept anywhere.
//
// Keys are P-256 and made anew each time. Aborts the test program when OpenSSL refuses.
// Thread safety: one thread.
#pragma once

#include <openssl/types.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

namespace router::test {

struct CertificateOptions {
  std::string common_name = "test";
  std::vector<std::string> names = {};      // DNS names it is for
  std::vector<std::string> addresses = {};  // IP addresses it is for
  std::chrono::hours valid_from{-1};        // from now
  std::chrono::hours valid_until{24};
  int rsa_bits = 0;  // 0: P-256
};

struct TestCertificate {
  std::string cert_pem;
  std::string key_pem;
};

class TestCa {
 public:
  explicit TestCa(const std::string& common_name = "test authority");
  ~TestCa();
  TestCa(const TestCa&) = delete;
  TestCa& operator=(const TestCa&) = delete;

  const std::string& pem() const { return pem_; }
  TestCertificate Sign(const CertificateOptions& options) const;
  static TestCertificate SelfSigned(const CertificateOptions& options);

 private:
  struct Deleter {
    void operator()(X509* certificate) const;
    void operator()(EVP_PKEY* key) const;
  };
  std::unique_ptr<X509, Deleter> certificate_;
  std::unique_ptr<EVP_PKEY, Deleter> key_;
  std::string pem_;
};

// The same key, with a passphrase.
std::string EncryptedKey(const std::string& key_pem);

}  // namespace router::test
