// TlsSession: TLS of one connection between bytes in memory: ciphertext in, plaintext out, and
// back.
//
// It does no I/O: whoever owns it moves what is in unsent() to the peer after every call.
// Thread safety: its worker only.
// Invariants: no plaintext leaves in either direction before the handshake has ended and the peer
// is who it should be; after Receive() nothing that could be decrypted is left inside.
// Cost: one copy of each byte besides the cipher; the buffers of an idle session are freed.
// Failure: false, and error() says why; an alert may be in unsent(). Of no use any more then.
#pragma once

#include <openssl/types.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "router/transport/tls_context.h"
#include "router/transport/tls_fault.h"

namespace router {

class TlsSession {
 public:
  static constexpr std::size_t kRecordBytesMax = 16 * 1024;

  // `server_name`, client only: the name or address that the peer's certificate must be for.
  TlsSession(TlsContext::Ptr context, const std::string& server_name);
  ~TlsSession();
  TlsSession(const TlsSession&) = delete;
  TlsSession& operator=(const TlsSession&) = delete;

  // Client: the first message to the peer. Server: nothing.
  bool Begin();
  // Takes all of `cipher`. What it holds of plaintext is written to `plain`: `*size` bytes.
  // REQUIRES: `plain` is at least kRecordBytesMax larger than `cipher`.
  bool Receive(std::span<const std::uint8_t> cipher, std::span<std::uint8_t> plain,
               std::size_t* size);
  // Encrypts at most kRecordBytesMax bytes. REQUIRES: is_established().
  bool Encrypt(std::span<const std::uint8_t> plain);
  // Tells the peer that nothing more will come.
  void End();

  bool is_established() const { return is_established_; }
  // The peer has said that it sends nothing more.
  bool has_peer_ended() const { return has_peer_ended_; }
  // The connection has ended. True: at a moment that makes it an error.
  bool NoteEnd();
  // What ALPN has agreed on, "h2"; empty: nothing.
  std::string_view protocol() const;
  const TlsError& error() const { return error_; }

  // Ciphertext for the peer.
  std::span<const std::uint8_t> unsent() const { return std::span(out_).subspan(out_position_); }
  void MarkSent(std::size_t bytes);
  // Room for so many bytes of plaintext, in one allocation.
  void ReserveOut(std::size_t plain_bytes);

  // OpenSSL's callback at every step of a verification.
  static int OnVerified(int is_good, X509_STORE_CTX* context);

 private:
  struct Io;  // the two ends that OpenSSL reads and writes
  struct SslDeleter {
    void operator()(SSL* ssl) const;
  };

  bool Open();
  bool Step();
  bool CheckProtocol();
  bool Fail();
  void ExpectName(const std::string& name);

  const TlsContext::Ptr context_;
  const std::string wanted_name_;
  std::unique_ptr<SSL, SslDeleter> ssl_;
  std::span<const std::uint8_t> in_;  // during Receive()
  std::vector<std::uint8_t> out_;
  std::size_t out_position_ = 0;
  bool is_established_ = false;
  bool has_peer_ended_ = false;
  bool has_heard_ = false;  // any plaintext
  bool has_failed_ = false;
  TlsError error_;
};

}  // namespace router
