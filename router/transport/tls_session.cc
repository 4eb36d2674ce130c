#include "router/transport/tls_session.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <cassert>
#include <cstring>
#include <utility>

namespace router {
namespace {

// What a record adds to its plaintext, at most.
constexpr std::size_t kRecordOverhead = 64;
// Kept between writes; more is given back.
constexpr std::size_t kOutKept = 4096;

int SessionIndex() {
  static const int index = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return index;
}

bool IsAddress(const std::string& name) {
  ASN1_OCTET_STRING* const address = a2i_IPADDRESS(name.c_str());
  const bool is_address = address != nullptr;
  ASN1_OCTET_STRING_free(address);
  return is_address;
}

}  // namespace

// OpenSSL reads from in_ and writes to out_, which never refuses; so it waits for reading only.
struct TlsSession::Io {
  static int Read(BIO* bio, char* data, int size) {
    auto* session = static_cast<TlsSession*>(BIO_get_data(bio));
    BIO_clear_retry_flags(bio);
    const std::size_t taken = std::min(session->in_.size(), static_cast<std::size_t>(size));
    if (taken == 0) {
      BIO_set_retry_read(bio);
      return -1;
    }
    std::memcpy(data, session->in_.data(), taken);
    session->in_ = session->in_.subspan(taken);
    return static_cast<int>(taken);
  }
  static int Write(BIO* bio, const char* data, int size) {
    auto* session = static_cast<TlsSession*>(BIO_get_data(bio));
    session->out_.insert(session->out_.end(), data, data + size);
    return size;
  }
  static long Control(BIO*, int command, long, void*) { return command == BIO_CTRL_FLUSH ? 1 : 0; }
  static BIO_METHOD* Method() {
    static BIO_METHOD* const method = [] {
      BIO_METHOD* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "session");
      BIO_meth_set_read(made, &Read);
      BIO_meth_set_write(made, &Write);
      BIO_meth_set_ctrl(made, &Control);
      return made;
    }();
    return method;
  }
};

void TlsSession::SslDeleter::operator()(SSL* ssl) const { SSL_free(ssl); }

TlsSession::TlsSession(TlsContext::Ptr context, const std::string& server_name)
    : context_(std::move(context)), wanted_name_(server_name) {}

// Not before there is something to do: a client that connects and says nothing costs a socket.
bool TlsSession::Open() {
  if (has_failed_ || ssl_ != nullptr) return !has_failed_;
  ssl_.reset(SSL_new(context_->get()));
  BIO* const bio = BIO_new(Io::Method());
  if (ssl_ == nullptr || bio == nullptr) {
    BIO_free(bio);
    ssl_.reset();
    has_failed_ = true;
    error_ = {TlsFault::kBroken, "out of memory"};
    return false;
  }
  BIO_set_data(bio, this);
  BIO_set_init(bio, 1);
  SSL_set_bio(ssl_.get(), bio, bio);
  SSL_set_ex_data(ssl_.get(), SessionIndex(), this);
  if (context_->is_server()) {
    SSL_set_accept_state(ssl_.get());
  } else {
    SSL_set_connect_state(ssl_.get());
    ExpectName(wanted_name_);
  }
  return !has_failed_;
}

TlsSession::~TlsSession() = default;

// An address is looked for among the addresses of the certificate and not sent (RFC 6066 §3).
void TlsSession::ExpectName(const std::string& name) {
  const bool is_address = IsAddress(name);
  if (!is_address && !name.empty()) SSL_set_tlsext_host_name(ssl_.get(), name.c_str());
  if (!context_->verifies()) return;
  X509_VERIFY_PARAM* const param = SSL_get0_param(ssl_.get());
  X509_VERIFY_PARAM_set_hostflags(
      param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
  const bool is_set = is_address
                          ? X509_VERIFY_PARAM_set1_ip_asc(param, name.c_str()) == 1
                          : X509_VERIFY_PARAM_set1_host(param, name.data(), name.size()) == 1;
  if (is_set && !name.empty()) return;
  // Without a name any certificate of the authority would do.
  has_failed_ = true;
  error_ = {TlsFault::kWrongName, "no name is known that its certificate could be for"};
}

int TlsSession::OnVerified(int is_good, X509_STORE_CTX* context) {
  if (is_good == 1) return 1;
  auto* ssl =
      static_cast<SSL*>(X509_STORE_CTX_get_ex_data(context, SSL_get_ex_data_X509_STORE_CTX_idx()));
  auto* session = static_cast<TlsSession*>(SSL_get_ex_data(ssl, SessionIndex()));
  if (session->error_.fault == TlsFault::kNone) {
    session->error_ = DescribeVerification(*context, session->wanted_name_);
  }
  return 0;
}

bool TlsSession::Begin() { return context_->is_server() ? !has_failed_ : Open() && Step(); }

// One step of the handshake, as far as what has come allows.
bool TlsSession::Step() {
  ERR_clear_error();
  const int result = SSL_do_handshake(ssl_.get());
  if (result == 1) return CheckProtocol();
  return SSL_get_error(ssl_.get(), result) == SSL_ERROR_WANT_READ || Fail();
}

bool TlsSession::CheckProtocol() {
  is_established_ = true;
  if (!context_->needs_alpn() || !protocol().empty()) return true;
  is_established_ = false;
  has_failed_ = true;
  error_ = {TlsFault::kNoAgreement,
            context_->is_server() ? "the peer offers no protocol (ALPN); gRPC needs h2"
                                  : "the peer does not select h2 (ALPN); is it a gRPC server?"};
  SSL_shutdown(ssl_.get());
  return false;
}

bool TlsSession::Fail() {
  has_failed_ = true;
  is_established_ = false;
  const TlsError error = DescribeTlsError();
  if (error_.fault == TlsFault::kNone) error_ = error;
  return false;
}

bool TlsSession::Receive(std::span<const std::uint8_t> cipher, std::span<std::uint8_t> plain,
                         std::size_t* size) {
  assert(plain.size() >= cipher.size() + kRecordBytesMax);
  *size = 0;
  if (!Open()) return false;
  in_ = cipher;
  if (!is_established_ && (!Step() || !is_established_)) {
    in_ = {};
    return !has_failed_;
  }
  while (!has_peer_ended_) {
    ERR_clear_error();
    std::size_t got = 0;
    const std::span<std::uint8_t> rest = plain.subspan(*size);
    if (SSL_read_ex(ssl_.get(), rest.data(), rest.size(), &got) == 1) {
      *size += got;
      has_heard_ = true;
      continue;
    }
    const int error = SSL_get_error(ssl_.get(), 0);
    if (error == SSL_ERROR_WANT_READ) break;
    if (error != SSL_ERROR_ZERO_RETURN) return Fail();
    has_peer_ended_ = true;
  }
  in_ = {};
  return true;
}

bool TlsSession::Encrypt(std::span<const std::uint8_t> plain) {
  assert(is_established_ && plain.size() <= kRecordBytesMax);
  ERR_clear_error();
  std::size_t taken = 0;
  return SSL_write_ex(ssl_.get(), plain.data(), plain.size(), &taken) == 1 || Fail();
}

void TlsSession::End() {
  if (!is_established_ || has_failed_) return;
  ERR_clear_error();
  SSL_shutdown(ssl_.get());
  ERR_clear_error();
}

// Without close_notify between two records is no error, as in Go: HTTP knows itself what is
// missing.
bool TlsSession::NoteEnd() {
  if (!is_established_) {
    error_ = {TlsFault::kBroken, "the peer ended the connection during the handshake"};
  } else if (!has_heard_ && !context_->is_server()) {
    // In TLS 1.3 the client is done before the server has looked at its certificate, and not every
    // server says what it found.
    error_ = {TlsFault::kRefused,
              "the peer ended the connection right after the handshake; does it want a certificate "
              "(cert_file and key_file), or one of another authority?"};
  } else if (SSL_has_pending(ssl_.get()) == 1) {
    error_ = {TlsFault::kBroken, "cut off in the middle of a record"};
  } else {
    return false;
  }
  has_failed_ = true;
  return true;
}

std::string_view TlsSession::protocol() const {
  const unsigned char* data = nullptr;
  unsigned size = 0;
  if (ssl_ != nullptr) SSL_get0_alpn_selected(ssl_.get(), &data, &size);
  return {reinterpret_cast<const char*>(data), size};
}

void TlsSession::ReserveOut(std::size_t plain_bytes) {
  const std::size_t records = plain_bytes / kRecordBytesMax + 1;
  out_.reserve(out_.size() + plain_bytes + records * kRecordOverhead);
}

void TlsSession::MarkSent(std::size_t bytes) {
  out_position_ += bytes;
  if (out_position_ < out_.size()) return;
  out_position_ = 0;
  out_.clear();
  if (out_.capacity() > kOutKept) std::vector<std::uint8_t>().swap(out_);
}

}  // namespace router
