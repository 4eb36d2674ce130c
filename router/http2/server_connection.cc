#include "router/http2/server_connection.h"

#include <algorithm>
#include <array>
#include <utility>

#include "router/base/limits.h"
#include "router/http2/nv.h"

namespace router {
namespace {

ServerConnection& Self(void* self) { return *static_cast<ServerConnection*>(self); }

}  // namespace

nghttp2_session_callbacks* ServerConnection::Callbacks() {
  nghttp2_session_callbacks* callbacks = NewCallbacks();
  nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, &OnBeginHeaders);
  nghttp2_session_callbacks_set_on_header_callback(callbacks, &OnHeader);
  nghttp2_session_callbacks_set_on_invalid_header_callback(callbacks, &OnInvalidHeader);
  nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, &OnFrame);
  nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, &OnFrameSent);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, &OnData);
  nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, &OnStreamClose);
  return callbacks;
}

ServerConnection::ServerConnection(WorkerLoop& loop, Transport transport, Acceptor& acceptor,
                                   const ServerConnectionOptions& options)
    : Connection(loop, std::move(transport), WhenBlocked::kStopReading),
      acceptor_(acceptor),
      options_(options) {
  loop.SetTimer(preface_timer_, loop.Now() + options.preface_timeout);
}

void ServerConnection::OpenSession() {
  static nghttp2_session_callbacks* const callbacks = Callbacks();
  nghttp2_session* session = nullptr;
  // Closed streams would be kept for the priority tree, 270 KB per connection.
  nghttp2_option* option = nullptr;
  nghttp2_option_new(&option);
  nghttp2_option_set_no_closed_streams(option, 1);
  nghttp2_option_set_no_auto_window_update(option, 1);  // OnData() gives back what was taken
  nghttp2_option_set_stream_reset_rate_limit(option, kStreamResetBurst, kStreamResetsPerSecond);
  nghttp2_session_server_new2(&session, callbacks, this, option);
  nghttp2_option_del(option);
  const std::array settings = {
      nghttp2_settings_entry{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS,
                             options_.concurrent_streams_max},
      nghttp2_settings_entry{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, options_.first_window_bytes},
      nghttp2_settings_entry{NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, kHeaderBlockBytesMax}};
  nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, settings.data(), settings.size());
  nghttp2_session_set_local_window_size(session, NGHTTP2_FLAG_NONE, 0,
                                        kServerConnectionWindowBytes);
  SetSession(session);
}

void ServerConnection::OnPrefaceTimeout() {
  const auto alive = shared_from_this();
  if (open_block_ != 0) {
    Close("a header block did not end in time");
  } else {
    Close(is_established() ? "no HTTP/2 preface in time" : "no TLS handshake in time");
  }
}

// The time counts from the block's begin, however often some of it comes.
void ServerConnection::WatchHeaderBlock() {
  const std::uint32_t block = idle_resets_.open_header_block();
  if (std::exchange(open_block_, block) == block) return;
  preface_timer_.Cancel();
  if (block != 0) loop().SetTimer(preface_timer_, loop().Now() + options_.preface_timeout);
}

milliseconds ServerConnection::answer_time() const {
  return is_shut_down_ ? std::min<milliseconds>(options_.answer_timeout, kLingerMax)
                       : options_.answer_timeout;
}

void ServerConnection::WatchAnswers() {
  if (!answer_timer_.is_set()) loop().SetTimer(answer_timer_, loop().Now() + answer_time());
}

void ServerConnection::OnAnswerTimeout() {
  TimePoint next = TimePoint::max();
  for (const auto& [id, stream] : streams_) {
    if (stream->state_ != ServerStream::State::kAnswered) continue;
    if (stream->linger_timer_.is_set()) continue;  // the answer has left
    const TimePoint due = stream->answered_at_ + answer_time();
    if (due > loop().Now()) {
      next = std::min(next, due);
    } else {
      nghttp2_submit_rst_stream(session(), NGHTTP2_FLAG_NONE, id, NGHTTP2_CANCEL);
    }
  }
  if (next != TimePoint::max()) loop().SetTimer(answer_timer_, next);
  MarkDirty();
}

// Who does not read its answer must not hold up a drain.
void ServerConnection::ShutDown() {
  is_shut_down_ = true;
  Connection::ShutDown();
  if (is_open() && !streams_.empty()) loop().SetTimer(answer_timer_, loop().Now() + answer_time());
}

std::shared_ptr<ServerConnection> ServerConnection::Start(
    WorkerLoop& loop, Transport transport, Acceptor& acceptor,
    const ServerConnectionOptions& options, std::span<const std::uint8_t> first_bytes) {
  std::shared_ptr<ServerConnection> connection(
      new ServerConnection(loop, std::move(transport), acceptor, options));
  connection->Channel::Start(first_bytes);
  return connection;
}

ServerConnection::~ServerConnection() = default;

ssize_t ServerConnection::Receive(std::span<const std::uint8_t> bytes) {
  ssize_t result = 0;
  idle_resets_.Feed(bytes, [&](std::span<const std::uint8_t> range) {
    result = Connection::Receive(range);
    return result >= 0 && is_open();
  });
  const std::uint32_t violation = idle_resets_.violation();
  if (violation != 0 && result >= 0 && is_open()) {
    nghttp2_session_terminate_session(session(), violation);
  }
  WatchHeaderBlock();
  return result;
}

void ServerConnection::OnEnded(std::string_view reason) {
  auto streams = std::move(streams_);
  streams_.clear();
  for (auto& [id, stream] : streams) {
    if (stream->state_ != ServerStream::State::kAnswered) stream->handler_->OnReset();
  }
  acceptor_.OnConnectionClosed(*this, reason);
}

ServerStream* ServerConnection::Find(std::int32_t id) {
  if (!is_open())
    return nullptr;  // closed by a callback: the streams are gone, nghttp2 does not know yet
  return static_cast<ServerStream*>(nghttp2_session_get_stream_user_data(session(), id));
}

// After an early answer the client should stop sending: RST_STREAM(NO_ERROR), RFC 9113 §8.1.
int ServerConnection::OnFrameSent(nghttp2_session* session, const nghttp2_frame* frame,
                                  void* self) {
  Self(self).NoteGoaway(*frame);
  if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA) return 0;
  ServerStream* stream = Self(self).Find(frame->hd.stream_id);
  if (stream == nullptr) return 0;
  // Nothing is left for it to do, and it may hold the client's headers.
  if (stream->state_ == ServerStream::State::kAnswered) stream->handler_.reset();
  const bool is_end = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
  if (!is_end || stream->has_request_ended_) return 0;
  if (stream->is_http_) {
    // Not every client of HTTP gets to read an answer that is followed by a reset (curl 7.88):
    // its window stays shut, and it may end the stream itself.
    Self(self).loop().SetTimer(stream->linger_timer_, Self(self).loop().Now() + kLingerMax);
  } else {
    nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, stream->id_, NGHTTP2_NO_ERROR);
  }
  return 0;
}

int ServerConnection::OnBeginHeaders(nghttp2_session* session, const nghttp2_frame* frame,
                                     void* self) {
  if (frame->headers.cat != NGHTTP2_HCAT_REQUEST) return 0;
  ServerConnection& connection = Self(self);
  const std::int32_t id = frame->hd.stream_id;
  std::unique_ptr<ServerStream> stream(new ServerStream(connection, id));
  stream->handler_ = connection.acceptor_.NewStream(*stream);
  nghttp2_session_set_stream_user_data(session, id, stream.get());
  connection.streams_.emplace(id, std::move(stream));
  return 0;
}

int ServerConnection::OnHeader(nghttp2_session*, const nghttp2_frame* frame,
                               const std::uint8_t* name, std::size_t name_size,
                               const std::uint8_t* value, std::size_t value_size, std::uint8_t,
                               void* self) {
  ServerStream* stream = Self(self).Find(frame->hd.stream_id);
  if (stream == nullptr) return 0;
  // After this nghttp2 keeps its table up to date and looks at no more fields of the block.
  if (!stream->CountHeader(name_size, value_size)) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  if (frame->headers.cat != NGHTTP2_HCAT_REQUEST) return 0;  // trailers change nothing
  if (stream->state_ != ServerStream::State::kRequest) return 0;
  stream->NoteField(View(name, name_size), View(value, value_size));
  stream->handler_->OnHeader(View(name, name_size), View(value, value_size));
  return 0;
}

int ServerConnection::OnInvalidHeader(nghttp2_session*, const nghttp2_frame* frame,
                                      const std::uint8_t*, std::size_t name_size,
                                      const std::uint8_t*, std::size_t value_size, std::uint8_t,
                                      void* self) {
  ServerStream* stream = Self(self).Find(frame->hd.stream_id);
  const bool is_good = stream == nullptr || stream->CountHeader(name_size, value_size);
  return is_good ? 0 : NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

int ServerConnection::OnFrame(nghttp2_session*, const nghttp2_frame* frame, void* self) {
  if (frame->hd.type == NGHTTP2_SETTINGS) Self(self).preface_timer_.Cancel();
  if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA) return 0;
  ServerStream* stream = Self(self).Find(frame->hd.stream_id);
  if (stream == nullptr) return 0;
  const bool is_end = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
  stream->has_request_ended_ |= is_end;
  if (frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST &&
      stream->state_ == ServerStream::State::kRequest) {
    stream->handler_->OnHeadersEnd();
    if (!is_end) stream->SubmitContinue();
  }
  if (is_end && stream->state_ == ServerStream::State::kRequest) stream->handler_->OnRequestEnd();
  return 0;
}

int ServerConnection::OnData(nghttp2_session* session, std::uint8_t, std::int32_t id,
                             const std::uint8_t* data, std::size_t size, void* self) {
  ServerStream* stream = Self(self).Find(id);
  nghttp2_session_consume_connection(session, size);
  if (stream != nullptr && stream->state_ == ServerStream::State::kRequest) {
    stream->is_continue_due_ = false;
    stream->handler_->OnData({data, size});
  }
  // The handler may have said that this was enough, for now or for good.
  if (stream != nullptr && (stream->is_held_ || stream->state_ == ServerStream::State::kAnswered)) {
    stream->held_bytes_ += size;
  } else {
    nghttp2_session_consume_stream(session, id, size);
  }
  return 0;
}

int ServerConnection::OnStreamClose(nghttp2_session*, std::int32_t id, std::uint32_t, void* self) {
  ServerConnection& connection = Self(self);
  const auto found = connection.streams_.find(id);
  if (found == connection.streams_.end()) return 0;
  const std::unique_ptr<ServerStream> stream = std::move(found->second);
  connection.streams_.erase(found);
  if (stream->state_ != ServerStream::State::kAnswered) stream->handler_->OnReset();
  return 0;
}

ssize_t ServerConnection::ReadBody(nghttp2_session* session, std::int32_t, std::uint8_t* out,
                                   std::size_t size, std::uint32_t* flags,
                                   nghttp2_data_source* source, void*) {
  return static_cast<ServerStream*>(source->ptr)->ReadBody(session, {out, size}, flags);
}

}  // namespace router
