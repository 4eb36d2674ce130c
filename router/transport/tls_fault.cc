#include "router/transport/tls_fault.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

#include "router/base/log.h"
#include "router/transport/certificate.h"

namespace router {
namespace {

std::string Quoted(const std::string& text) { return '"' + text + '"'; }

// A certificate of the chain, for people: the leaf is the peer's, others have names.
std::string WhichOf(const X509& certificate, int depth) {
  return depth == 0 ? "its certificate" : "the certificate " + Quoted(SubjectOf(certificate));
}

TlsError AlertFault(int reason) {
  // OpenSSL adds 1000 to the number of an alert that came from the peer.
  const int alert = reason - SSL_AD_REASON_OFFSET;
  const std::string text = std::string("the peer refused: ") + SSL_alert_desc_string_long(alert);
  switch (alert) {
    case SSL_AD_PROTOCOL_VERSION:
    case SSL_AD_HANDSHAKE_FAILURE:
    case SSL_AD_INSUFFICIENT_SECURITY:
    case SSL_AD_NO_APPLICATION_PROTOCOL:
      return {TlsFault::kNoAgreement, text + " (no version, cipher suite or protocol in common)"};
    case SSL_AD_CERTIFICATE_REQUIRED:
      return {TlsFault::kRefused, text + " (it wants a certificate: cert_file and key_file)"};
    case SSL_AD_UNKNOWN_CA:
      return {TlsFault::kRefused, text + " (it does not trust who signed our certificate)"};
    default:
      return {TlsFault::kRefused, text};
  }
}

}  // namespace

TlsError DescribeVerification(X509_STORE_CTX& context, const std::string& wanted) {
  const int error = X509_STORE_CTX_get_error(&context);
  const int depth = X509_STORE_CTX_get_error_depth(&context);
  const X509* certificate = X509_STORE_CTX_get_current_cert(&context);
  if (certificate == nullptr) {
    return {TlsFault::kBadCertificate, X509_verify_cert_error_string(error)};
  }
  const std::string which = WhichOf(*certificate, depth);
  switch (error) {
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH: {
      const std::string names = NamesOf(*certificate);
      return {TlsFault::kWrongName, which + " is not for " + Quoted(Printable(wanted)) +
                                        " but for " + (names.empty() ? "no name at all" : names)};
    }
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return {TlsFault::kExpired, which + " expired at " + TextOf(ExpiryOf(*certificate))};
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return {TlsFault::kExpired, which + " is not valid yet; are the clocks right?"};
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
      return {TlsFault::kUnknownAuthority, which +
                                               " is self-signed and not among those we trust (" +
                                               Quoted(SubjectOf(*certificate)) + ")"};
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_CERT_UNTRUSTED:
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:
      return {TlsFault::kUnknownAuthority, which + " is signed by " +
                                               Quoted(IssuerOf(*certificate)) +
                                               ", which is not among those we trust"};
    default:
      return {TlsFault::kBadCertificate,
              which + " is not accepted: " + X509_verify_cert_error_string(error)};
  }
}

TlsError DescribeTlsError() {
  const unsigned long error = ERR_peek_error();
  const int reason = ERR_GET_REASON(error);
  const std::string text = TakeOpensslError();
  if (error == 0) return {TlsFault::kBroken, "ended in the middle"};
  if (ERR_GET_LIB(error) != ERR_LIB_SSL) return {TlsFault::kBroken, text};
  if (reason > SSL_AD_REASON_OFFSET) return AlertFault(reason);
  switch (reason) {
    case SSL_R_HTTP_REQUEST:
    case SSL_R_HTTPS_PROXY_REQUEST:
    case SSL_R_WRONG_VERSION_NUMBER:
    case SSL_R_RECORD_LENGTH_MISMATCH:
      return {TlsFault::kPlaintext, "the peer does not speak TLS; plaintext?"};
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_VERSION_TOO_LOW:
    case SSL_R_NO_PROTOCOLS_AVAILABLE:
    case SSL_R_UNKNOWN_SSL_VERSION:
      return {TlsFault::kNoAgreement, "no TLS version in common (min_version, max_version)"};
    case SSL_R_NO_SHARED_CIPHER:
    case SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM:
    case SSL_R_NO_SUITABLE_KEY_SHARE:
    case SSL_R_NO_SHARED_GROUPS:
      return {TlsFault::kNoAgreement, "no cipher suite or curve in common: " + text};
    case SSL_R_NO_APPLICATION_PROTOCOL:
      return {TlsFault::kNoAgreement, "the peer offers no protocol (ALPN) that is spoken here"};
    case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
      return {TlsFault::kBadCertificate,
              "the peer sent no certificate, and client_ca_file asks for one"};
    case SSL_R_UNEXPECTED_EOF_WHILE_READING:
      return {TlsFault::kBroken, "ended in the middle"};
    default:
      return {TlsFault::kBroken, text};
  }
}

}  // namespace router
