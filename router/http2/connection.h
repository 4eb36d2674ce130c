// Connection: one HTTP/2 connection: a socket, an nghttp2 session, and the bytes on their way out.
//
// ServerConnection and ClientConnection add the streams. Reading: the socket becomes readable → one
// recv into the worker's read buffer → nghttp2 → callbacks. Writing: anything that makes nghttp2
// want to write calls MarkDirty(); at the end of the turn Flush() gathers frames and bodies and
// writes them with one sendmsg.
// Thread safety: its worker only.
// Ownership: held by shared_ptr; a pending wait on the socket keeps it alive until the socket is
// closed.
// Failure: any error closes the connection; OnClosed() runs exactly once, and no callback after
// it.
#pragma once

#include <nghttp2/nghttp2.h>

#include <boost/asio/ip/tcp.hpp>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "router/base/worker_loop.h"
#include "router/http2/out_queue.h"

namespace router {

class Connection : public Flushable, public std::enable_shared_from_this<Connection> {
 public:
  ~Connection() override;

  // Closes the socket now; streams end without an answer. `reason` is for the log. Idempotent.
  void Close(std::string_view reason);
  // Graceful end in two steps (RFC 9113 §6.8). The notice asks the peer to open no more streams,
  // but still takes those already on their way; ShutDown() then names the last stream, and the
  // connection closes when that has ended.
  void AnnounceShutDown();
  void ShutDown();
  bool is_open() const { return is_open_; }
  // "ip:port" of the other side, for logs.
  const std::string& peer() const { return peer_; }

 protected:
  // What to do with input while output is stuck. A server stops reading: a client that makes it
  // write and never reads pays with its own connection. A client reads on, or two of us facing each
  // other could wait for ever.
  enum class WhenBlocked : std::uint8_t { kStopReading, kReadOn };

  // `socket` is connected.
  Connection(WorkerLoop& loop, boost::asio::ip::tcp::socket socket, WhenBlocked when_blocked);

  // The subclass's session, owned from here on; its queued frames (SETTINGS) are written.
  void SetSession(nghttp2_session* session);
  // Begins to read.
  void Start();
  // The first bytes have come and there is no session yet: SetSession() now. A connection that says
  // nothing should cost no more than its socket.
  virtual void OpenSession() = 0;
  nghttp2_session* session() const { return session_.get(); }
  // Fresh callbacks with what both sides share; the subclass adds its own and owns the result.
  static nghttp2_session_callbacks* NewCallbacks();
  // To be called for every frame sent: when nghttp2 ends the session itself, OnClosed() will say
  // why.
  void NoteGoaway(const nghttp2_frame& frame);

  // Exactly once, from Close(). Streams that are still alive must be told here.
  virtual void OnClosed(std::string_view reason) = 0;
  // Hands on what was read to the session. As nghttp2_session_mem_recv().
  virtual ssize_t Receive(std::span<const std::uint8_t> bytes);
  // Gives the body whose bytes a NO_COPY DATA frame carries, and moves on by `size`.
  virtual std::span<const std::uint8_t> TakeBody(void* source, std::size_t size,
                                                 std::shared_ptr<const Body>* owner) = 0;

 private:
  struct SessionDeleter {
    void operator()(nghttp2_session* session) const { nghttp2_session_del(session); }
  };
  static int OnSendData(nghttp2_session*, nghttp2_frame*, const std::uint8_t* header,
                        std::size_t size, nghttp2_data_source* source, void* self);
  static int OnInvalidFrame(nghttp2_session*, const nghttp2_frame* frame, int error, void* self);
  void Flush() override;
  void Gather();
  void WaitReadable();
  void WaitWritable();
  void OnReadable();
  void Read();
  void CloseWhenDone();
  void OnWriteStalled();

  boost::asio::ip::tcp::socket socket_;
  std::string peer_;
  std::unique_ptr<nghttp2_session, SessionDeleter> session_;
  OutQueue out_;
  std::string invalid_frame_;  // the last one, and what was wrong with it
  std::string end_reason_;     // when we ended it by GOAWAY with an error
  bool is_open_ = true;
  bool is_waiting_writable_ = false;
  bool is_read_paused_ = false;
  const WhenBlocked when_blocked_;
  MemberTimer<Connection, &Connection::OnWriteStalled> stall_timer_{
      *this};  // while waiting to write
};

}  // namespace router
