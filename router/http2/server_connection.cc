#include "router/http2/server_connection.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <charconv>
#include <cstring>
#include <utility>

#include "router/base/limits.h"
#include "router/http2/grpc_header.h"
#include "router/http2/nv.h"
#include "router/transport/http_date.h"

namespace router {
namespace {

ServerConnection& Self(void* self) { return *static_cast<ServerConnection*>(self); }

std::string CodeText(GrpcCode code) { return std::to_string(static_cast<int>(code)); }

}  // namespace

// ---- ServerStream ------------------------------------------------------------------------------

void ServerStream::AppendMessage(std::string_view message) {
  const auto size = static_cast<std::uint32_t>(message.size());
  out_ += '\0';
  for (int shift = 24; shift >= 0; shift -= 8) out_ += static_cast<char>(size >> shift);
  out_ += message;
}

void ServerStream::SubmitResponseWithBody() {
  const std::array fields = {StaticField(":status", "200"),
                             StaticField("content-type", "application/grpc")};
  nghttp2_data_provider provider{{.ptr = this}, &ServerConnection::ReadBody};
  nghttp2_submit_response(connection_.session(), id_, fields.data(), fields.size(), &provider);
  connection_.MarkDirty();
}

void ServerStream::RespondMessage(std::string_view message) {
  assert(state_ == State::kRequest);
  state_ = State::kAnswered;
  is_finished_ = true;
  AppendMessage(message);
  SubmitResponseWithBody();
}

void ServerStream::RespondStatus(const GrpcTrailers& trailers) {
  assert(state_ == State::kRequest);
  state_ = State::kAnswered;
  const std::string code = CodeText(trailers.code);
  const std::string message = PercentEncode(trailers.message);
  std::array<nghttp2_nv, 6> fields;
  std::size_t count = 0;
  fields[count++] = StaticField(":status", "200");
  fields[count++] = StaticField("content-type", "application/grpc");
  fields[count++] = Field("grpc-status", code);
  if (!message.empty()) fields[count++] = Field("grpc-message", message);
  if (!trailers.details.empty()) {
    fields[count++] = Field("grpc-status-details-bin", trailers.details);
  }
  if (!trailers.accept_encoding.empty()) {
    fields[count++] = Field("grpc-accept-encoding", trailers.accept_encoding);
  }
  nghttp2_submit_response(connection_.session(), id_, fields.data(), count, nullptr);
  connection_.MarkDirty();
}

void ServerStream::Respond(int status, std::span<const HttpField> fields, std::string body) {
  assert(state_ == State::kRequest && fields.size() <= kAnswerFieldsMax);
  state_ = State::kAnswered;
  is_finished_ = is_http_ = true;
  out_ = std::move(body);
  const std::string code = std::to_string(status);
  const HttpDate date = HttpDateNow();
  std::array<nghttp2_nv, kAnswerFieldsMax + 2> list;
  std::size_t count = 0;
  list[count++] = Field(":status", code);
  list[count++] = Field("date", std::string_view(date.data(), date.size()));
  for (const HttpField& field : fields) list[count++] = Field(field.name, field.value);
  nghttp2_data_provider provider{{.ptr = this}, &ServerConnection::ReadBody};
  nghttp2_submit_response(connection_.session(), id_, list.data(), count,
                          out_.empty() ? nullptr : &provider);
  connection_.MarkDirty();
}

void ServerStream::Push(std::string_view message) {
  if (state_ == State::kAnswered) return;
  AppendMessage(message);
  if (state_ == State::kRequest) {
    state_ = State::kAnswering;
    SubmitResponseWithBody();
  } else if (is_deferred_) {
    is_deferred_ = false;
    nghttp2_session_resume_data(connection_.session(), id_);
    connection_.MarkDirty();
  }
}

void ServerStream::Finish(GrpcCode code, std::string_view message) {
  if (state_ == State::kRequest) {
    RespondStatus({.code = code, .message = message});
    return;
  }
  if (state_ == State::kAnswered) return;
  state_ = State::kAnswered;
  is_finished_ = true;
  code_ = code;
  message_ = message;
  if (is_deferred_) {
    is_deferred_ = false;
    nghttp2_session_resume_data(connection_.session(), id_);
  }
  connection_.MarkDirty();
}

void ServerStream::HoldBody(bool is_held) {
  is_held_ = is_held;
  if (is_held) return;
  if (connection_.options_.first_window_bytes < kServerStreamWindowBytes) {
    nghttp2_session_set_local_window_size(connection_.session(), NGHTTP2_FLAG_NONE, id_,
                                          kServerStreamWindowBytes);
  }
  nghttp2_session_consume_stream(connection_.session(), id_, std::exchange(held_bytes_, 0));
  connection_.MarkDirty();
}

void ServerStream::StopRequest() {
  nghttp2_submit_rst_stream(connection_.session(), NGHTTP2_FLAG_NONE, id_, NGHTTP2_NO_ERROR);
  connection_.MarkDirty();
}

const std::string& ServerStream::peer() const { return connection_.peer(); }

// ---- ServerConnection --------------------------------------------------------------------------

nghttp2_session_callbacks* ServerConnection::Callbacks() {
  nghttp2_session_callbacks* callbacks = NewCallbacks();
  nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, &OnBeginHeaders);
  nghttp2_session_callbacks_set_on_header_callback(callbacks, &OnHeader);
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
  Close(is_established() ? "no HTTP/2 preface in time" : "no TLS handshake in time");
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
  if ((frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0) return 0;
  ServerStream* stream = Self(self).Find(frame->hd.stream_id);
  if (stream == nullptr || stream->has_request_ended_) return 0;
  if (stream->is_http_) {
    // Not every client of HTTP gets to read an answer that is followed by a reset (curl 7.88):
    // its window stays shut, and it may end the stream itself.
    stream->is_held_ = true;
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
  if (frame->headers.cat != NGHTTP2_HCAT_REQUEST) return 0;  // trailers change nothing
  ServerStream* stream = Self(self).Find(frame->hd.stream_id);
  if (stream == nullptr || stream->state_ != ServerStream::State::kRequest) return 0;
  constexpr std::size_t kFieldOverhead = 32;  // as SETTINGS_MAX_HEADER_LIST_SIZE counts
  stream->header_bytes_ += name_size + value_size + kFieldOverhead;
  if (stream->header_bytes_ > kHeaderBlockBytesMax) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  stream->handler_->OnHeader(View(name, name_size), View(value, value_size));
  return 0;
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
  }
  if (is_end && stream->state_ == ServerStream::State::kRequest) stream->handler_->OnRequestEnd();
  return 0;
}

int ServerConnection::OnData(nghttp2_session* session, std::uint8_t, std::int32_t id,
                             const std::uint8_t* data, std::size_t size, void* self) {
  ServerStream* stream = Self(self).Find(id);
  nghttp2_session_consume_connection(session, size);
  if (stream != nullptr && stream->state_ == ServerStream::State::kRequest) {
    stream->handler_->OnData({data, size});
  }
  // The handler may have said that this was enough for now.
  if (stream != nullptr && stream->is_held_) {
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

ssize_t ServerConnection::ReadBody(nghttp2_session* session, std::int32_t id, std::uint8_t* out,
                                   std::size_t size, std::uint32_t* flags,
                                   nghttp2_data_source* source, void*) {
  auto* stream = static_cast<ServerStream*>(source->ptr);
  const std::size_t rest = stream->out_.size() - stream->out_position_;
  const std::size_t taken = std::min(rest, size);
  std::memcpy(out, stream->out_.data() + stream->out_position_, taken);
  stream->out_position_ += taken;
  if (taken < rest) return static_cast<ssize_t>(taken);
  stream->out_.clear();
  stream->out_position_ = 0;
  if (!stream->is_finished_) {
    if (taken > 0) return static_cast<ssize_t>(taken);
    stream->is_deferred_ = true;
    return NGHTTP2_ERR_DEFERRED;
  }
  *flags |= NGHTTP2_DATA_FLAG_EOF;
  if (!stream->is_http_) {
    *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
    const std::string code = CodeText(stream->code_);
    const std::string message = PercentEncode(stream->message_);
    const std::array fields = {Field("grpc-status", code), Field("grpc-message", message)};
    nghttp2_submit_trailer(session, id, fields.data(), message.empty() ? 1 : 2);
  }
  return static_cast<ssize_t>(taken);
}

}  // namespace router
