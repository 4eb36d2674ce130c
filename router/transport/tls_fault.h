// TlsFault: why TLS with a peer failed: one word for metrics, one sentence for people.
// Thread safety: pure, except that DescribeTlsError takes the errors of its thread from OpenSSL.
#pragma once

#include <openssl/types.h>

#include <array>
#include <cstdint>
#include <string>

namespace router {

enum class TlsFault : std::uint8_t {
  kNone,
  kUnknownAuthority,  // its certificate is signed by nobody we trust
  kWrongName,         // … is for another name
  kExpired,           // … is not valid now
  kBadCertificate,    // … is wrong in another way, or there is none
  kRefused,           // the peer does not want us; its alert says why
  kNoAgreement,       // no version, cipher suite or ALPN protocol in common
  kPlaintext,         // it does not speak TLS
  kBroken,            // ended or garbled in the middle
};
inline constexpr std::array<const char*, 9> kTlsFaultNames = {
    "none",    "unknown_authority", "wrong_name", "expired", "bad_certificate",
    "refused", "no_agreement",      "plaintext",  "broken"};

struct TlsError {
  TlsFault fault = TlsFault::kNone;
  std::string text = {};
};

// Why the chain that `context` looks at is not accepted. `wanted` is the name it should be for.
TlsError DescribeVerification(X509_STORE_CTX& context, const std::string& wanted);
// What OpenSSL's queue of errors says about a call that failed; empties the queue.
TlsError DescribeTlsError();

}  // namespace router
