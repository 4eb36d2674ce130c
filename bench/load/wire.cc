#include "bench/load/wire.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace bench {
namespace {

constexpr std::size_t kRecordBytesMax = 16384;
constexpr unsigned char kAlpn[] = {2, 'h', '2'};

int ChooseHttp2(SSL*, const unsigned char** chosen, unsigned char* chosen_size,
                const unsigned char* offered, unsigned int offered_size, void*) {
  unsigned char* match = nullptr;
  const int outcome =
      SSL_select_next_proto(&match, chosen_size, kAlpn, sizeof(kAlpn), offered, offered_size);
  *chosen = match;
  return outcome == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

class TlsWire final : public Wire {
 public:
  TlsWire(int fd, SSL_CTX* context, bool is_server) : ssl_(SSL_new(context)) {
    SSL_set_fd(ssl_, fd);
    is_server ? SSL_set_accept_state(ssl_) : SSL_set_connect_state(ssl_);
  }
  ~TlsWire() override { SSL_free(ssl_); }

  // As many records as there are and fit, so that none is left where epoll cannot see it.
  ssize_t Read(std::span<std::uint8_t> into) override {
    std::size_t filled = 0;
    ERR_clear_error();
    do {
      const int got = SSL_read(ssl_, into.data() + filled, static_cast<int>(into.size() - filled));
      if (got <= 0) return filled > 0 ? static_cast<ssize_t>(filled) : Failure(got);
      filled += static_cast<std::size_t>(got);
    } while (into.size() - filled >= kRecordBytesMax);
    return static_cast<ssize_t>(filled);
  }

  // One record.
  ssize_t Write(std::span<const iovec> from) override {
    std::size_t size = 0;
    for (const iovec& piece : from) {
      const std::size_t take = std::min(piece.iov_len, record_.size() - size);
      std::memcpy(record_.data() + size, piece.iov_base, take);
      size += take;
    }
    ERR_clear_error();
    const int written = SSL_write(ssl_, record_.data(), static_cast<int>(size));
    return written > 0 ? written : Failure(written);
  }

 private:
  ssize_t Failure(int outcome) {
    const int error = SSL_get_error(ssl_, outcome);
    if (error == SSL_ERROR_ZERO_RETURN) return 0;
    errno = error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE ? EAGAIN : EPROTO;
    return -1;
  }

  SSL* ssl_;
  std::array<std::uint8_t, kRecordBytesMax> record_;
};

}  // namespace

ssize_t PlainWire::Read(std::span<std::uint8_t> into) {
  return recv(fd_, into.data(), into.size(), 0);
}

ssize_t PlainWire::Write(std::span<const iovec> from) {
  msghdr message{};
  message.msg_iov = const_cast<iovec*>(from.data());  // sendmsg does not write to it
  message.msg_iovlen = from.size();
  return sendmsg(fd_, &message, MSG_NOSIGNAL);
}

WireFactory::~WireFactory() { SSL_CTX_free(context_); }

bool WireFactory::SpeakTlsAsClient() {
  context_ = SSL_CTX_new(TLS_client_method());
  SSL_CTX_set_mode(context_, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  return SSL_CTX_set_alpn_protos(context_, kAlpn, sizeof(kAlpn)) == 0;
}

bool WireFactory::SpeakTlsAsServer(const std::string& certificate_file,
                                   const std::string& key_file) {
  is_server_ = true;
  context_ = SSL_CTX_new(TLS_server_method());
  SSL_CTX_set_mode(context_, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_alpn_select_cb(context_, ChooseHttp2, nullptr);
  return SSL_CTX_use_certificate_chain_file(context_, certificate_file.c_str()) == 1 &&
         SSL_CTX_use_PrivateKey_file(context_, key_file.c_str(), SSL_FILETYPE_PEM) == 1;
}

std::unique_ptr<Wire> WireFactory::Make(int fd) const {
  if (context_ == nullptr) return std::make_unique<PlainWire>(fd);
  return std::make_unique<TlsWire>(fd, context_, is_server_);
}

bool SendSome(Wire& wire, std::string& out, bool& closed) {
  while (!out.empty()) {
    const iovec all = {out.data(), out.size()};
    const ssize_t sent = wire.Write({&all, 1});
    if (sent <= 0) {
      if (sent < 0 && errno == EINTR) continue;
      closed = sent == 0 || (errno != EAGAIN && errno != EWOULDBLOCK);
      return !closed;
    }
    out.erase(0, static_cast<std::size_t>(sent));
  }
  return false;
}

}  // namespace bench
