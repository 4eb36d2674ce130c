#include "router/transport/tls_context.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

#include <algorithm>
#include <utility>

#include "router/base/small_file.h"
#include "router/transport/tls_names.h"
#include "router/transport/tls_session.h"

namespace router {
namespace {

// One thing that is a file or a text, with the name of the key that gave it.
struct Source {
  std::string key;
  std::string path;  // empty: a text
  std::string pem;

  tl::unexpected<Error> Fails(const std::string& reason) const {
    return Failure(path.empty() ? key + ": " + reason : key + " " + path + ": " + reason);
  }
};

Result<Source> Load(const std::string& name, const std::string& file, const std::string& pem) {
  if (file.empty()) return Source{name + "_pem", "", pem};
  Source source{name + "_file", file, ""};
  Result<std::string> text = ReadSmallFile(file);
  if (!text) return source.Fails(text.error().message);
  source.pem = *std::move(text);
  return source;
}

int ToOpenssl(TlsVersion version) {
  return version == TlsVersion::k12 ? TLS1_2_VERSION : TLS1_3_VERSION;
}

Result<void> AddToStore(X509_STORE& store, const Source& source,
                        const std::vector<CertificatePtr>& certificates) {
  for (const CertificatePtr& certificate : certificates) {
    if (X509_STORE_add_cert(&store, certificate.get()) != 1)
      return source.Fails(TakeOpensslError());
  }
  return {};
}

}  // namespace

Result<TlsContext::Ptr> TlsContext::NewServer(const TlsSettings& settings,
                                              std::vector<std::string> protocols,
                                              bool is_alpn_optional) {
  const std::shared_ptr<TlsContext> context(new TlsContext(true));
  context->needs_alpn_ = !is_alpn_optional;
  if (Result<void> done = context->SetUp(settings); !done) return tl::unexpected(done.error());
  if (Result<void> done = context->SetAlpn(std::move(protocols)); !done)
    return tl::unexpected(done.error());
  return context;
}

Result<TlsContext::Ptr> TlsContext::NewClient(const TlsSettings& settings) {
  const std::shared_ptr<TlsContext> context(new TlsContext(false));
  context->server_name_ = settings.server_name;
  if (Result<void> done = context->SetUp(settings); !done) return tl::unexpected(done.error());
  if (Result<void> done = context->SetAlpn({"h2"}); !done) return tl::unexpected(done.error());
  return context;
}

Result<void> TlsContext::SetUp(const TlsSettings& settings) {
  ERR_clear_error();
  context_.reset(SSL_CTX_new(is_server_ ? TLS_server_method() : TLS_client_method()));
  if (context_ == nullptr) return Failure("OpenSSL: " + TakeOpensslError());
  SSL_CTX* const context = context_.get();
  SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET |
                                   SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
  SSL_CTX_set_num_tickets(context, 0);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
  const CipherLists ciphers = ToCipherLists(settings.cipher_suites);
  const TlsVersion lowest = ciphers.tls12.empty() ? TlsVersion::k13 : settings.min_version;
  if (lowest > settings.max_version) {
    return Failure("cipher_suites names none of TLS 1.2, and max_version excludes TLS 1.3");
  }
  SSL_CTX_set_min_proto_version(context, ToOpenssl(lowest));
  SSL_CTX_set_max_proto_version(context, ToOpenssl(settings.max_version));
  const std::string groups = ToGroupList(settings.curves);
  const bool is_set =
      (ciphers.tls12.empty() || SSL_CTX_set_cipher_list(context, ciphers.tls12.c_str()) == 1) &&
      SSL_CTX_set_ciphersuites(context, ciphers.tls13.c_str()) == 1 &&
      SSL_CTX_set1_groups_list(context, groups.c_str()) == 1;
  if (!is_set) return Failure("cipher_suites, curve_preferences: " + TakeOpensslError());
  if (Result<void> done = UseCertificate(settings); !done) return done;
  return Trust(settings);
}

Result<void> TlsContext::UseCertificate(const TlsSettings& settings) {
  if (settings.cert_file.empty() && settings.cert_pem.empty()) return {};
  const Result<Source> cert = Load("cert", settings.cert_file, settings.cert_pem);
  if (!cert) return tl::unexpected(cert.error());
  const Result<Source> key = Load("key", settings.key_file, settings.key_pem);
  if (!key) return tl::unexpected(key.error());
  const Result<std::vector<CertificatePtr>> chain = ParseCertificates(cert->pem);
  if (!chain) return cert->Fails(chain.error().message);
  const Result<KeyPtr> secret = ParseKey(key->pem);
  if (!secret) return key->Fails(secret.error().message);
  X509* const leaf = chain->front().get();
  if (X509_check_private_key(leaf, secret->get()) != 1) {
    ERR_clear_error();
    return key->Fails("does not belong to the certificate in " +
                      (cert->path.empty() ? cert->key : cert->path));
  }
  if (SSL_CTX_use_certificate(context_.get(), leaf) != 1) return cert->Fails(TakeOpensslError());
  for (std::size_t i = 1; i < chain->size(); ++i) {
    if (SSL_CTX_add1_chain_cert(context_.get(), (*chain)[i].get()) != 1)
      return cert->Fails(TakeOpensslError());
  }
  if (SSL_CTX_use_PrivateKey(context_.get(), secret->get()) != 1)
    return key->Fails(TakeOpensslError());
  Note(cert->key, cert->path, *leaf);
  return {};
}

Result<void> TlsContext::Trust(const TlsSettings& settings) {
  verifies_ = is_server_ ? !settings.client_ca_file.empty() : !settings.skip_verify;
  if (!verifies_) {
    SSL_CTX_set_verify(context_.get(), SSL_VERIFY_NONE, nullptr);
    return {};
  }
  const bool has_own = is_server_ || !settings.ca_file.empty() || !settings.ca_pem.empty();
  X509_STORE* const store = SSL_CTX_get_cert_store(context_.get());
  if (has_own) {
    const Result<Source> source = is_server_ ? Load("client_ca", settings.client_ca_file, "")
                                             : Load("ca", settings.ca_file, settings.ca_pem);
    if (!source) return tl::unexpected(source.error());
    const Result<std::vector<CertificatePtr>> trusted = ParseCertificates(source->pem);
    if (!trusted) return source->Fails(trusted.error().message);
    if (Result<void> done = AddToStore(*store, *source, *trusted); !done) return done;
    for (const CertificatePtr& certificate : *trusted) {
      Note(source->key, source->path, *certificate);
      if (is_server_) SSL_CTX_add_client_CA(context_.get(), certificate.get());
    }
  }
  if (!has_own || settings.include_system_ca) X509_STORE_set_default_paths(store);
  // As in Go, whatever is in the file is trusted, not only roots.
  X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(context_.get()), X509_V_FLAG_PARTIAL_CHAIN);
  SSL_CTX_set_verify(context_.get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
                     &TlsSession::OnVerified);
  ERR_clear_error();
  return {};
}

Result<void> TlsContext::SetAlpn(std::vector<std::string> protocols) {
  for (const std::string& protocol : protocols) {
    alpn_ += static_cast<char>(protocol.size());
    alpn_ += protocol;
  }
  if (is_server_) {
    SSL_CTX_set_alpn_select_cb(context_.get(), &SelectProtocol, this);
    return {};
  }
  const auto* wire = reinterpret_cast<const unsigned char*>(alpn_.data());
  if (SSL_CTX_set_alpn_protos(context_.get(), wire, static_cast<unsigned>(alpn_.size())) != 0) {
    return Failure("ALPN: " + TakeOpensslError());
  }
  return {};
}

// Runs only when the client offers protocols.
int TlsContext::SelectProtocol(SSL*, const unsigned char** out, unsigned char* out_size,
                               const unsigned char* in, unsigned in_size, void* self) {
  const std::string& ours = static_cast<const TlsContext*>(self)->alpn_;
  unsigned char* chosen = nullptr;
  const int result =
      SSL_select_next_proto(&chosen, out_size, reinterpret_cast<const unsigned char*>(ours.data()),
                            static_cast<unsigned>(ours.size()), in, in_size);
  if (result != OPENSSL_NPN_NEGOTIATED) return SSL_TLSEXT_ERR_ALERT_FATAL;
  *out = chosen;
  return SSL_TLSEXT_ERR_OK;
}

void TlsContext::Note(const std::string& key, const std::string& source, const X509& certificate) {
  const auto expires = ExpiryOf(certificate);
  if (certificates_.empty() || certificates_.back().key != key) {
    certificates_.push_back({key, source, expires});
  }
  certificates_.back().expires = std::min(certificates_.back().expires, expires);
}

std::vector<std::string> FilesOf(const TlsSettings& settings) {
  std::vector<std::string> files;
  for (const std::string* file :
       {&settings.cert_file, &settings.key_file, &settings.ca_file, &settings.client_ca_file}) {
    if (!file->empty()) files.push_back(*file);
  }
  return files;
}

}  // namespace router
