// Wire: one connected, non-blocking socket of a measuring program, in plaintext or over TLS. Peers
// are not verified: both ends are ours.
//
// Thread safety: one thread.
// Ownership: the socket is the caller's, who closes it after the wire is gone.
#pragma once

#include <sys/types.h>
#include <sys/uio.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>

struct ssl_ctx_st;

namespace bench {

class Wire {
 public:
  virtual ~Wire() = default;
  // Bytes moved; 0 when reading: the peer has ended; -1 with errno, EAGAIN for "not now". What was
  // refused must be offered again, at least as much of it. REQUIRES: room for 16 KiB to read into.
  virtual ssize_t Read(std::span<std::uint8_t> into) = 0;
  virtual ssize_t Write(std::span<const iovec> from) = 0;
};

class PlainWire final : public Wire {
 public:
  explicit PlainWire(int fd) : fd_(fd) {}
  ssize_t Read(std::span<std::uint8_t> into) override;
  ssize_t Write(std::span<const iovec> from) override;

 private:
  int fd_;
};

// Makes the wires of one program: plain ones, until it is told otherwise.
class WireFactory {
 public:
  WireFactory() = default;
  ~WireFactory();
  WireFactory(const WireFactory&) = delete;
  WireFactory& operator=(const WireFactory&) = delete;

  // TLS, with HTTP/2 by ALPN. False: the files cannot be used.
  bool SpeakTlsAsClient();
  bool SpeakTlsAsServer(const std::string& certificate_file, const std::string& key_file);

  // The handshake takes place while the wire is used.
  std::unique_ptr<Wire> Make(int fd) const;

 private:
  ssl_ctx_st* context_ = nullptr;
  bool is_server_ = false;
};

// Sends from the front of `out` what the wire takes now, and removes it. True: it is full and
// something is left. Sets `closed` when the connection is dead.
bool SendSome(Wire& wire, std::string& out, bool& closed);

}  // namespace bench
