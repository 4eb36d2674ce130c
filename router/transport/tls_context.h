// TlsContext: one side of TLS, ready for connections: certificate, key, whom to trust, what to
// agree to.
//
// Made on the control thread from settings and the files they name; a reload makes a new one, and
// connections keep the one they began with. Not offered on either side: versions before 1.2,
// compression, renegotiation, session tickets and resumption, early data
// (docs/decisions/0013-tls.md).
// Thread safety: immutable; shared by all workers.
// Failure: a Result that names the key or file and the reason.
#pragma once

#include <openssl/types.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "router/base/result.h"
#include "router/transport/certificate.h"
#include "router/transport/tls_settings.h"

namespace router {

class TlsContext {
 public:
  using Ptr = std::shared_ptr<const TlsContext>;

  // What we show to peers, or trust: for metrics and warnings. Of several in a file, the one that
  // expires first.
  struct Certificate {
    std::string key;     // of the configuration: cert_file, ca_pem …
    std::string source;  // the file's path; empty for text
    std::chrono::system_clock::time_point expires;
  };

  // `protocols`: what is spoken here, for ALPN, the favourite first. A client that offers others is
  // refused (RFC 7301); one that offers none is taken only when `is_alpn_optional`.
  static Result<Ptr> NewServer(const TlsSettings& settings, std::vector<std::string> protocols,
                               bool is_alpn_optional);
  // Offers h2 and accepts nothing else.
  static Result<Ptr> NewClient(const TlsSettings& settings);

  SSL_CTX* get() const { return context_.get(); }
  bool is_server() const { return is_server_; }
  bool needs_alpn() const { return needs_alpn_; }
  bool verifies() const { return verifies_; }
  // Of the backend, when the configuration sets it.
  const std::string& server_name() const { return server_name_; }
  const std::vector<Certificate>& certificates() const { return certificates_; }

 private:
  explicit TlsContext(bool is_server) : is_server_(is_server) {}
  Result<void> SetUp(const TlsSettings& settings);
  Result<void> UseCertificate(const TlsSettings& settings);
  Result<void> Trust(const TlsSettings& settings);
  Result<void> SetAlpn(std::vector<std::string> protocols);
  void Note(const std::string& key, const std::string& source, const X509& certificate);
  static int SelectProtocol(SSL* ssl, const unsigned char** out, unsigned char* out_size,
                            const unsigned char* in, unsigned in_size, void* self);

  const bool is_server_;
  bool needs_alpn_ = true;
  bool verifies_ = true;
  std::string server_name_;
  std::string alpn_;  // as on the wire
  std::vector<Certificate> certificates_;
  std::unique_ptr<SSL_CTX, OpensslDeleter> context_;
};

// The files that `settings` name, for those who watch them.
std::vector<std::string> FilesOf(const TlsSettings& settings);

}  // namespace router
