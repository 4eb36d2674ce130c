// Transport: one connected byte stream to a peer, non-blocking; in plaintext or over TLS.
//
// What HTTP/1 and HTTP/2 stand on, on both sides of the router. Over TLS, Flush() begins and Read()
// goes on with the handshake; until is_established() nothing can be written and nothing is read.
// What TLS holds back inside never waits for the socket: Read() gives all there is.
// Thread safety: its worker only.
// Ownership: owns the socket; move-only.
// Failure: kFailed says why in error(); the stream is then of no use any more.
#pragma once

#include <sys/uio.h>

#include <boost/asio/ip/tcp.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "router/transport/handshake_gate.h"
#include "router/transport/tls_context.h"
#include "router/transport/tls_fault.h"

namespace router {

class TlsSession;

// TLS for clients: what a listener hands out with each connection. Without context: plaintext.
struct TlsAccept {
  TlsContext::Ptr context;
  std::shared_ptr<HandshakeGate> gate;  // null: handshakes take their turn unasked
};

class Transport {
 public:
  enum class Status : std::uint8_t {
    kOk,       // `size` bytes were moved
    kBlocked,  // none could be moved now
    kClosed,   // the peer has ended its side (reading only)
    kFailed,
  };
  struct Outcome {
    Status status = Status::kOk;
    std::size_t size = 0;
  };

  // `socket` is connected. Makes it non-blocking and sets TCP_NODELAY and keep-alive.
  explicit Transport(boost::asio::ip::tcp::socket socket);
  // From a client.
  Transport(boost::asio::ip::tcp::socket socket, TlsAccept tls);
  // To a backend, which must be `server_name` (a name or an address). `context` null: plaintext.
  Transport(boost::asio::ip::tcp::socket socket, TlsContext::Ptr context,
            const std::string& server_name);
  ~Transport();
  Transport(Transport&&) noexcept;
  Transport& operator=(Transport&&) noexcept;

  // At most one system call to read. `buffer` is scratch as a whole, not only the bytes that are
  // returned. REQUIRES: over TLS, at least kTlsReadBytesMin. kBlocked: also when what came was not
  // for us but for TLS.
  Outcome Read(std::span<std::uint8_t> buffer);
  // Takes fewer bytes than there are only when the socket is full. Over TLS some of what it took
  // may still wait here: has_unsent().
  Outcome Write(std::span<const iovec> segments);
  // What TLS has to send: kOk when nothing is left of it.
  Status Flush();
  // Ends our side of the stream: the peer reads its end. Reading goes on.
  void ShutDownWriting();
  // Over TLS the peer is told, if the socket takes it.
  void Close();

  static constexpr std::size_t kTlsReadBytesMin = 48 * 1024;
  bool is_plain() const { return tls_ == nullptr; }
  bool is_established() const { return is_established_; }
  bool has_unsent() const;
  // What ALPN has agreed on: "h2", "http/1.1"; empty: nothing.
  std::string_view protocol() const;
  // Why TLS has failed, for counting.
  TlsFault tls_fault() const;
  // Where the steps of a client's handshake wait for their turn; null: nowhere.
  HandshakeGate* gate() const { return gate_.get(); }
  // To be held from the first step of the handshake on; given back when it has ended.
  void Hold(HandshakeGate::Slot slot) { slot_ = std::move(slot); }
  bool holds_slot() const { return slot_.is_held(); }

  // "ip:port" of the other side, for logs.
  const std::string& peer() const { return peer_; }
  const std::string& error() const { return error_; }
  // To wait for readiness.
  boost::asio::ip::tcp::socket& socket() { return socket_; }

 private:
  Outcome Fail(int error);
  Outcome FailTls();
  Outcome ReadPlain(std::span<std::uint8_t> buffer);
  Outcome ReadTls(std::span<std::uint8_t> buffer);
  Outcome EndTls(Outcome outcome);
  Outcome WriteTls(std::span<const iovec> segments);
  int SendUnsent();

  boost::asio::ip::tcp::socket socket_;
  std::string peer_;
  std::string error_;
  std::unique_ptr<TlsSession> tls_;
  std::shared_ptr<HandshakeGate> gate_;
  HandshakeGate::Slot slot_;
  bool is_established_ = true;
};

}  // namespace router
