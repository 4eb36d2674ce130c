#include "router/transport/certificate.h"

#include <arpa/inet.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <array>
#include <cstring>
#include <ctime>

#include "router/base/log.h"

namespace router {
namespace {

constexpr std::size_t kNamesShown = 8;

struct BioDeleter {
  void operator()(BIO* bio) const { BIO_free(bio); }
};
using BioPtr = std::unique_ptr<BIO, BioDeleter>;

BioPtr BioOver(std::string_view text) {
  return BioPtr(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

// Asked for a passphrase: there is none. Remembers that it was asked.
int NoPassphrase(char*, int, int, void* was_asked) {
  *static_cast<bool*>(was_asked) = true;
  return -1;
}

std::string TextOf(const X509_NAME* name) {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  X509_NAME_print_ex(bio.get(), name, 0, XN_FLAG_ONELINE & ~ASN1_STRFLGS_ESC_MSB);
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return Printable({data, static_cast<std::size_t>(size)});
}

std::string TextOf(const GENERAL_NAME& name) {
  int type = 0;
  const void* value = GENERAL_NAME_get0_value(&name, &type);
  const auto* text = static_cast<const ASN1_STRING*>(value);
  if (type != GEN_DNS && type != GEN_IPADD) return {};
  const unsigned char* data = ASN1_STRING_get0_data(text);
  const int size = ASN1_STRING_length(text);
  if (type == GEN_DNS) {
    return Printable({reinterpret_cast<const char*>(data), static_cast<std::size_t>(size)});
  }
  std::array<char, INET6_ADDRSTRLEN> address{};
  if (size != 4 && size != 16) return {};
  ::inet_ntop(size == 4 ? AF_INET : AF_INET6, data, address.data(), address.size());
  return address.data();
}

}  // namespace

void OpensslDeleter::operator()(X509* certificate) const { X509_free(certificate); }
void OpensslDeleter::operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
void OpensslDeleter::operator()(X509_STORE* store) const { X509_STORE_free(store); }
void OpensslDeleter::operator()(SSL_CTX* context) const { SSL_CTX_free(context); }

Result<std::vector<CertificatePtr>> ParseCertificates(std::string_view pem) {
  ERR_clear_error();
  const BioPtr bio = BioOver(pem);
  std::vector<CertificatePtr> all;
  while (X509* certificate = PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)) {
    all.emplace_back(certificate);
  }
  const unsigned long error = ERR_peek_last_error();
  const bool is_end =
      ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
  if (!is_end) return Failure("a certificate in it cannot be read: " + TakeOpensslError());
  ERR_clear_error();
  if (all.empty()) return Failure("has no certificate in PEM form (-----BEGIN CERTIFICATE-----)");
  return all;
}

Result<KeyPtr> ParseKey(std::string_view pem) {
  ERR_clear_error();
  const BioPtr bio = BioOver(pem);
  bool was_asked = false;
  KeyPtr key(PEM_read_bio_PrivateKey(bio.get(), nullptr, &NoPassphrase, &was_asked));
  if (key != nullptr) return key;
  const bool is_absent = pem.find("PRIVATE KEY-----") == std::string_view::npos;
  const std::string reason = TakeOpensslError();
  if (was_asked) return Failure("is encrypted; a key without a passphrase is needed");
  if (is_absent) return Failure("has no private key in PEM form (-----BEGIN PRIVATE KEY-----)");
  return Failure("the private key in it cannot be read: " + reason);
}

std::chrono::system_clock::time_point ExpiryOf(const X509& certificate) {
  std::tm time{};
  if (ASN1_TIME_to_tm(X509_get0_notAfter(&certificate), &time) != 1) return {};
  return std::chrono::system_clock::from_time_t(::timegm(&time));
}

std::string TextOf(std::chrono::system_clock::time_point time) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(time);
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  std::array<char, 40> text{};
  const std::size_t size = std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%S UTC", &parts);
  return {text.data(), size};
}

std::string NamesOf(const X509& certificate) {
  auto* names = static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(&certificate, NID_subject_alt_name, nullptr, nullptr));
  std::string text;
  std::size_t shown = 0;
  for (int i = 0; i < sk_GENERAL_NAME_num(names); ++i) {
    const std::string name = TextOf(*sk_GENERAL_NAME_value(names, i));
    if (name.empty()) continue;
    if (shown++ == kNamesShown) {
      text += " …";
      break;
    }
    text += (text.empty() ? "" : ", ") + name;
  }
  GENERAL_NAMES_free(names);
  return text;
}

std::string SubjectOf(const X509& certificate) {
  return TextOf(X509_get_subject_name(&certificate));
}

std::string IssuerOf(const X509& certificate) { return TextOf(X509_get_issuer_name(&certificate)); }

std::string TakeOpensslError() {
  const unsigned long error = ERR_get_error();
  ERR_clear_error();
  if (error == 0) return "unknown";
  const char* reason = ERR_reason_error_string(error);
  return reason == nullptr ? "error " + std::to_string(error) : std::string(reason);
}

}  // namespace router
