// Channel: one connection as its protocol sees it: bytes that come, and a queue of bytes to go.
//
// Reading: the transport becomes readable → one read into the worker's buffer → OnBytes(). Writing:
// whoever has something to say calls MarkDirty(); at the end of the turn Gather() fills the queue,
// which is written with as few system calls as it takes. Over TLS the handshake comes first: until
// then there is no OnBytes() and no Gather().
// Thread safety: its worker only.
// Ownership: held by shared_ptr; a pending wait on the socket keeps it alive until it is closed.
// Failure: any error closes the channel; OnClosed() runs exactly once, and no callback after it. A
// peer that takes no byte for kWriteStallMax is closed. Where reading goes on while output is stuck
// (WhenBlocked), what has arrived before a write fails is given to OnBytes() first.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "router/base/limits.h"
#include "router/base/worker_loop.h"
#include "router/transport/out_queue.h"
#include "router/transport/transport.h"

namespace router {

class Channel : public Flushable, public std::enable_shared_from_this<Channel> {
 public:
  ~Channel() override;

  // Closes the socket now; what has not been written is lost. `reason` is for the log. Idempotent.
  void Close(std::string_view reason);
  // Graceful end of what we serve, in two steps: first the peer is asked to begin nothing more,
  // while what is on its way is still taken; then what has begun is finished, and the channel
  // closes.
  virtual void AnnounceShutDown() = 0;
  virtual void ShutDown() = 0;
  bool is_open() const { return is_open_; }
  const std::string& peer() const { return transport_.peer(); }
  // Why TLS has failed, if that is why it closed.
  TlsFault tls_fault() const { return transport_.tls_fault(); }

 protected:
  // What to do with input while output is stuck. A server stops reading: a client that makes it
  // write and never reads pays with its own connection. A client reads on, or two of us facing each
  // other could wait for ever.
  enum class WhenBlocked : std::uint8_t { kStopReading, kReadOn };

  Channel(WorkerLoop& loop, Transport transport, WhenBlocked when_blocked);

  // Begins to read; `first_bytes` have been read from the transport before.
  void Start(std::span<const std::uint8_t> first_bytes = {});
  // Nothing more is read until Resume; what has been read is not taken back.
  void PauseReading() { is_paused_ = true; }
  void ResumeReading();
  // One read takes at most so many bytes from now on; over TLS, of ciphertext and about.
  void LimitReads(std::size_t bytes) { read_bytes_max_ = bytes; }
  void LiftReadLimit() { read_bytes_max_ = kReadBufferBytes; }
  // The peer reads the end of our side; what it still sends is read. REQUIRES: all is written.
  void ShutDownWriting() { transport_.ShutDownWriting(); }
  // Has the peer sent what has not been read?
  bool HasInput();
  // Gives the stream to another channel; this one is over, and OnClosed() is not called.
  // REQUIRES: inside OnBytes(), nothing to write.
  Transport TakeTransport();
  OutQueue& out() { return out_; }
  const OutQueue& out() const { return out_; }
  bool is_established() const { return transport_.is_established(); }
  // What ALPN has agreed on; empty: nothing.
  std::string_view agreed_protocol() const { return transport_.protocol(); }

  // Bytes have come; they are gone after the call.
  virtual void OnBytes(std::span<const std::uint8_t> bytes) = 0;
  // Appends what there is to write to out(), until out().bytes() reaches kWriteBatchBytes.
  virtual void Gather() = 0;
  // Everything was written.
  virtual void OnAllWritten() {}
  // Exactly once, from Close().
  virtual void OnClosed(std::string_view reason) = 0;

 private:
  friend class HandshakeGate;
  void Flush() final;
  void WaitReadable();
  void WaitWritable();
  void OnReadable();
  void Read();
  bool FlushTls();
  void CloseUnwritable();
  void OnWriteStalled();

  Transport transport_;
  OutQueue out_;
  std::size_t read_bytes_max_ = kReadBufferBytes;
  bool is_open_ = true;
  bool is_waiting_writable_ = false;
  bool is_paused_ = false;
  bool is_read_owed_ = false;  // readable, but not read then
  const WhenBlocked when_blocked_;
  MemberTimer<Channel, &Channel::OnWriteStalled> stall_timer_{*this};  // while waiting to write
};

}  // namespace router
