#include "router/http2/connection.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "router/base/limits.h"

namespace router {
namespace {

// Below this a copy is cheaper than one more segment to gather.
constexpr std::size_t kReferenceBytesMin = 512;
constexpr std::size_t kFrameHeaderBytes = 9;
constexpr int kKeepAliveIdleS = 60;
constexpr int kKeepAliveIntervalS = 10;
constexpr int kKeepAliveProbes = 3;
// Turns of recv per readiness: more would let one client hold the worker.

std::string PeerName(const boost::asio::ip::tcp::socket& socket) {
  boost::system::error_code error;
  const auto endpoint = socket.remote_endpoint(error);
  if (error) return "unknown";
  const auto address = endpoint.address();
  const std::string port = std::to_string(endpoint.port());
  return address.is_v6() ? "[" + address.to_string() + "]:" + port
                         : address.to_string() + ":" + port;
}

}  // namespace

Connection::Connection(WorkerLoop& loop, boost::asio::ip::tcp::socket socket,
                       WhenBlocked when_blocked)
    : Flushable(loop),
      socket_(std::move(socket)),
      peer_(PeerName(socket_)),
      when_blocked_(when_blocked) {
  boost::system::error_code ignored;
  socket_.non_blocking(true, ignored);
  const int on = 1;
  const int fd = socket_.native_handle();
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  // A peer that vanished without a word is noticed within a minute and a half.
  ::setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &kKeepAliveIdleS, sizeof kKeepAliveIdleS);
  ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &kKeepAliveIntervalS, sizeof kKeepAliveIntervalS);
  ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &kKeepAliveProbes, sizeof kKeepAliveProbes);
}

Connection::~Connection() = default;

nghttp2_session_callbacks* Connection::NewCallbacks() {
  nghttp2_session_callbacks* callbacks = nullptr;
  nghttp2_session_callbacks_new(&callbacks);
  nghttp2_session_callbacks_set_send_data_callback(callbacks, &Connection::OnSendData);
  nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(callbacks,
                                                               &Connection::OnInvalidFrame);
  return callbacks;
}

int Connection::OnInvalidFrame(nghttp2_session*, const nghttp2_frame* frame, int error,
                               void* self) {
  static_cast<Connection*>(self)->invalid_frame_ =
      ": frame of type " + std::to_string(frame->hd.type) + " on stream " +
      std::to_string(frame->hd.stream_id) + ": " + nghttp2_strerror(error);
  return 0;
}

void Connection::NoteGoaway(const nghttp2_frame& frame) {
  if (frame.hd.type != NGHTTP2_GOAWAY || frame.goaway.error_code == NGHTTP2_NO_ERROR) return;
  end_reason_ =
      std::string("GOAWAY ") + nghttp2_http2_strerror(frame.goaway.error_code) + invalid_frame_;
}

void Connection::SetSession(nghttp2_session* session) {
  session_.reset(session);
  MarkDirty();
}

void Connection::Start() { WaitReadable(); }

void Connection::Close(std::string_view reason) {
  if (!is_open_) return;
  is_open_ = false;
  stall_timer_.Cancel();
  boost::system::error_code ignored;
  socket_.close(ignored);
  OnClosed(end_reason_.empty() ? reason : end_reason_);
}

void Connection::AnnounceShutDown() {
  if (!is_open_ || session_ == nullptr) return;
  nghttp2_submit_shutdown_notice(session());
  MarkDirty();
}

void Connection::ShutDown() {
  if (!is_open_) return;
  if (session_ == nullptr) {
    Close("it has never said anything");
    return;
  }
  nghttp2_submit_goaway(session(), NGHTTP2_FLAG_NONE,
                        nghttp2_session_get_last_proc_stream_id(session()), NGHTTP2_NO_ERROR,
                        nullptr, 0);
  MarkDirty();
}

void Connection::WaitReadable() {
  socket_.async_wait(boost::asio::ip::tcp::socket::wait_read,
                     [self = shared_from_this()](const boost::system::error_code& error) {
                       if (!self->is_open_) return;
                       if (error) {
                         self->Close(error.message());
                         return;
                       }
                       self->OnReadable();
                     });
}

void Connection::OnReadable() {
  if (is_waiting_writable_ && when_blocked_ == WhenBlocked::kStopReading) {
    is_read_paused_ = true;
    return;
  }
  Read();
  if (is_open_) WaitReadable();
}

void Connection::OnWriteStalled() {
  const auto alive = shared_from_this();
  Close("it does not read what it is sent");
}

void Connection::WaitWritable() {
  if (is_waiting_writable_) return;
  is_waiting_writable_ = true;
  loop().SetTimer(stall_timer_, loop().Now() + kWriteStallMax);
  socket_.async_wait(boost::asio::ip::tcp::socket::wait_write,
                     [self = shared_from_this()](const boost::system::error_code& error) {
                       self->is_waiting_writable_ = false;
                       self->stall_timer_.Cancel();
                       if (!self->is_open_) return;
                       if (error) {
                         self->Close(error.message());
                         return;
                       }
                       self->MarkDirty();
                       if (std::exchange(self->is_read_paused_, false)) self->WaitReadable();
                     });
}

ssize_t Connection::Receive(std::span<const std::uint8_t> bytes) {
  return nghttp2_session_mem_recv(session(), bytes.data(), bytes.size());
}

// One read, then the others have their turn: what was begun on other connections is finished first.
void Connection::Read() {
  const std::span<std::uint8_t> buffer = loop().read_buffer();
  ssize_t size = 0;
  do {
    size = ::recv(socket_.native_handle(), buffer.data(), buffer.size(), 0);
  } while (size < 0 && errno == EINTR);
  if (size < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return;
  if (size <= 0) {
    Close(size == 0 ? "closed by peer" : std::strerror(errno));
    return;
  }
  if (session_ == nullptr) OpenSession();
  const ssize_t taken = Receive(buffer.first(static_cast<std::size_t>(size)));
  if (!is_open_) return;
  if (taken < 0) {
    Close(nghttp2_strerror(static_cast<int>(taken)));
    return;
  }
  MarkDirty();
}

// Moves frames from nghttp2 to the queue until there is a good batch or nothing more.
void Connection::Gather() {
  while (is_open_ && out_.bytes() < kWriteBatchBytes) {
    const std::uint8_t* data = nullptr;
    const ssize_t size = nghttp2_session_mem_send(session(), &data);
    if (size < 0) {
      Close(nghttp2_strerror(static_cast<int>(size)));
      return;
    }
    if (size == 0) return;
    out_.AppendCopy({data, static_cast<std::size_t>(size)});
  }
}

int Connection::OnSendData(nghttp2_session*, nghttp2_frame* frame, const std::uint8_t* header,
                           std::size_t size, nghttp2_data_source* source, void* self) {
  auto* connection = static_cast<Connection*>(self);
  if (frame->data.padlen > 0) return NGHTTP2_ERR_CALLBACK_FAILURE;  // we never pad
  connection->out_.AppendCopy({header, kFrameHeaderBytes});
  std::shared_ptr<const Body> owner;
  const std::span<const std::uint8_t> bytes = connection->TakeBody(source->ptr, size, &owner);
  if (owner != nullptr && bytes.size() >= kReferenceBytesMin) {
    connection->out_.AppendReference(bytes, std::move(owner));
  } else {
    connection->out_.AppendCopy(bytes);
  }
  return 0;
}

void Connection::Flush() {
  if (!is_open_ || is_waiting_writable_ || session_ == nullptr) return;
  const auto self = shared_from_this();
  while (true) {
    // What a full socket left over is no measure of what the session still has.
    const bool is_leftover = !out_.empty();
    if (!is_leftover) Gather();
    if (!is_open_) return;
    if (out_.empty()) break;
    const bool may_have_more = is_leftover || out_.bytes() >= kWriteBatchBytes;
    switch (out_.WriteTo(socket_.native_handle())) {
      case OutQueue::WriteResult::kFailed:
        Close(std::strerror(errno));
        return;
      case OutQueue::WriteResult::kBlocked:
        WaitWritable();
        return;
      case OutQueue::WriteResult::kDone:
        break;
    }
    if (!may_have_more) break;
  }
  CloseWhenDone();
}

void Connection::CloseWhenDone() {
  if (nghttp2_session_want_read(session()) == 0 && nghttp2_session_want_write(session()) == 0) {
    Close("finished");
  }
}

}  // namespace router
