#include "router/http2/connection.h"

#include <utility>

#include "router/base/limits.h"

namespace router {
namespace {

// Below this a copy is cheaper than one more segment to gather.
constexpr std::size_t kReferenceBytesMin = 512;
constexpr std::size_t kFrameHeaderBytes = 9;

}  // namespace

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

void Connection::OnClosed(std::string_view reason) {
  OnEnded(end_reason_.empty() ? reason : std::string_view(end_reason_));
}

void Connection::AnnounceShutDown() {
  if (!is_open() || session_ == nullptr) return;
  nghttp2_submit_shutdown_notice(session());
  MarkDirty();
}

void Connection::ShutDown() {
  if (!is_open()) return;
  if (session_ == nullptr || !is_established()) {
    Close("it has never said anything");
    return;
  }
  nghttp2_submit_goaway(session(), NGHTTP2_FLAG_NONE,
                        nghttp2_session_get_last_proc_stream_id(session()), NGHTTP2_NO_ERROR,
                        nullptr, 0);
  MarkDirty();
}

ssize_t Connection::Receive(std::span<const std::uint8_t> bytes) {
  return nghttp2_session_mem_recv(session(), bytes.data(), bytes.size());
}

// A TLS handshake, or an alert that refuses one. As a frame of HTTP/2 it would be longer than 1
// MiB.
bool Connection::IsTls(std::span<const std::uint8_t> bytes) {
  constexpr std::uint8_t kHandshake = 0x16;
  constexpr std::uint8_t kAlert = 0x15;
  return bytes.size() >= 3 && (bytes[0] == kHandshake || bytes[0] == kAlert) && bytes[1] == 3 &&
         bytes[2] <= 4;
}

void Connection::OnBytes(std::span<const std::uint8_t> bytes) {
  if (!std::exchange(has_heard_, true) && IsTls(bytes)) {
    Close("it speaks TLS, and here plaintext is configured");
    return;
  }
  if (session_ == nullptr) OpenSession();
  const ssize_t taken = Receive(bytes);
  if (!is_open()) return;
  if (taken < 0) {
    Close(nghttp2_strerror(static_cast<int>(taken)));
    return;
  }
  MarkDirty();
}

// Moves frames from nghttp2 to the queue until there is a good batch or nothing more.
void Connection::Gather() {
  while (is_open() && session_ != nullptr && out().bytes() < kWriteBatchBytes) {
    const std::uint8_t* data = nullptr;
    const ssize_t size = nghttp2_session_mem_send(session(), &data);
    if (size < 0) {
      Close(nghttp2_strerror(static_cast<int>(size)));
      return;
    }
    if (size == 0) return;
    out().AppendCopy({data, static_cast<std::size_t>(size)});
  }
}

int Connection::OnSendData(nghttp2_session*, nghttp2_frame* frame, const std::uint8_t* header,
                           std::size_t size, nghttp2_data_source* source, void* self) {
  auto* connection = static_cast<Connection*>(self);
  if (frame->data.padlen > 0) return NGHTTP2_ERR_CALLBACK_FAILURE;  // we never pad
  connection->out().AppendCopy({header, kFrameHeaderBytes});
  connection->AppendBody(source->ptr, size);
  return 0;
}

void Connection::AppendRange(std::span<const std::uint8_t> bytes,
                             const std::shared_ptr<const Body>& owner) {
  if (bytes.size() >= kReferenceBytesMin) {
    out().AppendReference(bytes, owner);
  } else {
    out().AppendCopy(bytes);
  }
}

void Connection::OnAllWritten() {
  if (session_ == nullptr) return;
  if (nghttp2_session_want_read(session()) == 0 && nghttp2_session_want_write(session()) == 0) {
    Close("finished");
  }
}

}  // namespace router
