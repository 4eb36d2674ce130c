#include "tests/support/test_ca.h"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include <cstdio>
#include <cstdlib>

namespace router::test {
namespace {

void Check(bool is_good, const char* what) {
  if (is_good) return;
  std::fprintf(stderr, "TestCa: %s failed\n", what);
  std::abort();
}

EVP_PKEY* NewKey(int rsa_bits) {
  EVP_PKEY* key = rsa_bits > 0 ? EVP_RSA_gen(static_cast<unsigned>(rsa_bits)) : EVP_EC_gen("P-256");
  Check(key != nullptr, "making a key");
  return key;
}

template <typename Write>
std::string PemOf(Write write) {
  BIO* bio = BIO_new(BIO_s_mem());
  Check(write(bio) == 1, "writing PEM");
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  std::string text(data, static_cast<std::size_t>(size));
  BIO_free(bio);
  return text;
}

void AddExtension(X509* certificate, int nid, const std::string& value) {
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, nullptr, nid, value.c_str());
  Check(extension != nullptr && X509_add_ext(certificate, extension, -1) == 1, value.c_str());
  X509_EXTENSION_free(extension);
}

// Not signed yet, its own issuer.
X509* NewCertificate(const CertificateOptions& options, EVP_PKEY* key) {
  X509* certificate = X509_new();
  X509_set_version(certificate, X509_VERSION_3);
  std::uint64_t serial = 0;
  Check(RAND_bytes(reinterpret_cast<unsigned char*>(&serial), sizeof serial) == 1, "RAND_bytes");
  ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate), serial >> 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate),
                  std::chrono::seconds(options.valid_from).count());
  X509_gmtime_adj(X509_getm_notAfter(certificate),
                  std::chrono::seconds(options.valid_until).count());
  X509_set_pubkey(certificate, key);
  X509_NAME* name = X509_get_subject_name(certificate);
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(options.common_name.c_str()),
                             -1, -1, 0);
  X509_set_issuer_name(certificate, name);
  std::string names;
  for (const std::string& dns : options.names) names += (names.empty() ? "DNS:" : ",DNS:") + dns;
  for (const std::string& ip : options.addresses) names += (names.empty() ? "IP:" : ",IP:") + ip;
  if (!names.empty()) AddExtension(certificate, NID_subject_alt_name, names);
  return certificate;
}

TestCertificate ToPem(X509* certificate, EVP_PKEY* key) {
  return {PemOf([&](BIO* bio) { return PEM_write_bio_X509(bio, certificate); }),
          PemOf([&](BIO* bio) {
            return PEM_write_bio_PrivateKey(bio, key, nullptr, nullptr, 0, nullptr, nullptr);
          })};
}

}  // namespace

std::string EncryptedKey(const std::string& key_pem) {
  BIO* bio = BIO_new_mem_buf(key_pem.data(), static_cast<int>(key_pem.size()));
  EVP_PKEY* key = PEM_read_bio_PrivateKey(bio, nullptr, nullptr, nullptr);
  BIO_free(bio);
  Check(key != nullptr, "reading a key");
  const unsigned char passphrase[] = {'x', 'y', 'z', 'z'};
  std::string pem = PemOf([&](BIO* out) {
    return PEM_write_bio_PrivateKey(out, key, EVP_aes_128_cbc(), passphrase, 4, nullptr, nullptr);
  });
  EVP_PKEY_free(key);
  return pem;
}

void TestCa::Deleter::operator()(X509* certificate) const { X509_free(certificate); }
void TestCa::Deleter::operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }

TestCa::TestCa(const std::string& common_name) : key_(NewKey(0)) {
  certificate_.reset(NewCertificate(
      {.common_name = common_name, .valid_until = std::chrono::hours(24 * 365)}, key_.get()));
  AddExtension(certificate_.get(), NID_basic_constraints, "critical,CA:TRUE");
  AddExtension(certificate_.get(), NID_key_usage, "critical,keyCertSign,cRLSign");
  Check(X509_sign(certificate_.get(), key_.get(), EVP_sha256()) > 0, "X509_sign");
  pem_ = ToPem(certificate_.get(), key_.get()).cert_pem;
}

TestCa::~TestCa() = default;

TestCertificate TestCa::Sign(const CertificateOptions& options) const {
  const std::unique_ptr<EVP_PKEY, Deleter> key(NewKey(options.rsa_bits));
  const std::unique_ptr<X509, Deleter> certificate(NewCertificate(options, key.get()));
  X509_set_issuer_name(certificate.get(), X509_get_subject_name(certificate_.get()));
  Check(X509_sign(certificate.get(), key_.get(), EVP_sha256()) > 0, "X509_sign");
  return ToPem(certificate.get(), key.get());
}

TestCertificate TestCa::SelfSigned(const CertificateOptions& options) {
  const std::unique_ptr<EVP_PKEY, Deleter> key(NewKey(options.rsa_bits));
  const std::unique_ptr<X509, Deleter> certificate(NewCertificate(options, key.get()));
  Check(X509_sign(certificate.get(), key.get(), EVP_sha256()) > 0, "X509_sign");
  return ToPem(certificate.get(), key.get());
}

}  // namespace router::test
