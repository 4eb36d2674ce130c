#include "router/http2/client_connection.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <utility>

#include "router/base/limits.h"
#include "router/http2/grpc_header.h"
#include "router/http2/nv.h"

namespace router {

class ClientCall {
 public:
  ClientCall(BodyRanges ranges, ResponseSink& sink) : ranges_(std::move(ranges)), sink_(&sink) {
    for (const BodyRange& range : ranges_) bytes_left_ += range.bytes.size();
  }

  std::int32_t id = 0;
  BodyRanges ranges_;  // those before next_ are framed and let go
  std::size_t next_ = 0;
  std::size_t bytes_left_ = 0;  // not yet framed
  ResponseSink* sink_;          // null after Cancel()
  GrpcResponse response;
  std::optional<int> http_status;
  bool has_grpc_status = false;
  bool has_ended = false;   // by a block of headers that is whole
  bool is_interim = false;  // the present block is a 1xx
  bool was_sent = false;    // its HEADERS left nghttp2
  std::size_t header_bytes = 0;

  // False: its header fields have become too many.
  bool CountHeader(std::size_t name_size, std::size_t value_size);
  void TakeHttpStatus(std::string_view text);
  // A field of the block that ends the answer. False: it contradicts another.
  bool TakeLast(std::string_view name, std::string_view text);
};

namespace {

ClientConnection& Self(void* self) { return *static_cast<ClientConnection*>(self); }

template <typename Number>
std::optional<Number> ParseNumber(std::string_view text) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// Rule P-08: an intermediary answered, not a gRPC server.
GrpcCode CodeFromHttpStatus(int status) {
  switch (status) {
    case 400:
      return GrpcCode::kInternal;
    case 401:
      return GrpcCode::kUnauthenticated;
    case 403:
      return GrpcCode::kPermissionDenied;
    case 404:
      return GrpcCode::kUnimplemented;
    case 429:
    case 502:
    case 503:
    case 504:
      return GrpcCode::kUnavailable;
    default:
      return GrpcCode::kUnknown;
  }
}

// gRPC's mapping of RST_STREAM codes, for a stream that ended without a status (rule P-10).
void SetBroken(GrpcResponse& response, std::uint32_t error) {
  response = {};
  response.message = std::string("stream ended without a status: ") + nghttp2_http2_strerror(error);
  switch (error) {
    case NGHTTP2_REFUSED_STREAM:
      response.kind = GrpcResponse::Kind::kUnprocessed;
      response.code = GrpcCode::kUnavailable;
      break;
    case NGHTTP2_CANCEL:
      response.code = GrpcCode::kCancelled;
      break;
    case NGHTTP2_ENHANCE_YOUR_CALM:
      response.code = GrpcCode::kResourceExhausted;
      break;
    case NGHTTP2_INADEQUATE_SECURITY:
      response.code = GrpcCode::kPermissionDenied;
      break;
    default:
      response.code = GrpcCode::kUnavailable;
  }
}

}  // namespace

bool ClientCall::CountHeader(std::size_t name_size, std::size_t value_size) {
  header_bytes += FieldBytes(name_size, value_size);
  return header_bytes <= kResponseHeaderBytesMax;
}

void ClientCall::TakeHttpStatus(std::string_view text) {
  const std::optional<int> status = ParseNumber<int>(text);
  is_interim = status.has_value() && *status >= 100 && *status < 200;
  if (!is_interim) http_status = status;
}

bool ClientCall::TakeLast(std::string_view name, std::string_view text) {
  if (name == "grpc-status") {
    response.code = GrpcCodeFromInt(
        ParseNumber<std::uint64_t>(text).value_or(static_cast<std::uint64_t>(GrpcCode::kUnknown)));
    return !std::exchange(has_grpc_status, true);
  }
  if (name == "grpc-message") {
    response.message = PercentDecode(text);
  } else if (name == "grpc-status-details-bin") {
    response.details = text;
  } else if (name == "grpc-retry-pushback-ms") {
    response.pushback = std::chrono::milliseconds(ParseNumber<std::int32_t>(text).value_or(-1));
  }
  return true;
}

nghttp2_session_callbacks* ClientConnection::Callbacks() {
  nghttp2_session_callbacks* callbacks = NewCallbacks();
  nghttp2_session_callbacks_set_on_header_callback(callbacks, &OnHeader);
  nghttp2_session_callbacks_set_on_invalid_header_callback(callbacks, &OnInvalidHeader);
  nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, &OnFrame);
  nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, &OnFrameSent);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, &OnData);
  nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, &OnStreamClose);
  return callbacks;
}

ClientConnection::ClientConnection(WorkerLoop& loop, Transport transport, ConnectionOwner& owner)
    : Connection(loop, std::move(transport), WhenBlocked::kReadOn), owner_(&owner) {}

void ClientConnection::OpenSession() {
  static nghttp2_session_callbacks* const callbacks = Callbacks();
  nghttp2_session* session = nullptr;
  nghttp2_session_client_new(&session, callbacks, this);
  const std::array settings = {
      nghttp2_settings_entry{NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
      nghttp2_settings_entry{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, kClientStreamWindowBytes},
      nghttp2_settings_entry{NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, kResponseHeaderBytesMax}};
  nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, settings.data(), settings.size());
  SetSession(session);
}

std::shared_ptr<ClientConnection> ClientConnection::Start(WorkerLoop& loop, Transport transport,
                                                          ConnectionOwner& owner) {
  std::shared_ptr<ClientConnection> connection(
      new ClientConnection(loop, std::move(transport), owner));
  connection->OpenSession();
  connection->Channel::Start();
  return connection;
}

ClientConnection::~ClientConnection() = default;

bool ClientConnection::CanSend() const {
  return is_open() && is_ready_ && !is_draining_ &&
         nghttp2_session_check_request_allowed(session()) != 0 &&
         calls_.size() < nghttp2_session_get_remote_settings(
                             session(), NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
}

ClientCall* ClientConnection::Send(std::span<const nghttp2_nv> headers, BodyRanges ranges,
                                   ResponseSink& sink) {
  auto call = std::make_unique<ClientCall>(std::move(ranges), sink);
  nghttp2_data_provider provider{{.ptr = call.get()}, &ReadBody};
  const std::int32_t id = nghttp2_submit_request(session(), nullptr, headers.data(), headers.size(),
                                                 &provider, call.get());
  if (id < 0) return nullptr;
  call->id = id;
  ++calls_started_;
  MarkDirty();
  return calls_.emplace(id, std::move(call)).first->second.get();
}

void ClientConnection::Cancel(ClientCall& call) {
  call.sink_ = nullptr;
  if (!is_open()) return;
  // nghttp2 keeps an unsent call until the peer would take it, which may be never; its body goes
  // now.
  if (!call.was_sent) {
    call.ranges_.clear();
    call.next_ = call.bytes_left_ = 0;
  }
  nghttp2_submit_rst_stream(session(), NGHTTP2_FLAG_NONE, call.id, NGHTTP2_CANCEL);
  MarkDirty();
}

void ClientConnection::Abandon() {
  owner_ = nullptr;
  ShutDown();
}

void ClientConnection::OnEnded(std::string_view reason) {
  auto calls = std::move(calls_);
  calls_.clear();
  for (auto& [id, call] : calls) {
    if (call->sink_ == nullptr) continue;
    GrpcResponse response;
    if (!call->was_sent) response.kind = GrpcResponse::Kind::kUnprocessed;
    response.message = "connection to backend lost: ";
    response.message += reason;
    call->sink_->OnResponse(std::move(response));
  }
  if (owner_ != nullptr) owner_->OnConnectionClosed(reason);
}

void ClientConnection::AppendBody(void* source, std::size_t size) {
  ClientCall& call = *static_cast<ClientCall*>(source);
  call.bytes_left_ -= size;
  while (size > 0) {
    BodyRange& range = call.ranges_[call.next_];
    const std::size_t taken = std::min(size, range.bytes.size());
    AppendRange(range.bytes.first(taken), range.body);
    range.bytes = range.bytes.subspan(taken);
    size -= taken;
    if (range.bytes.empty()) call.ranges_[call.next_++].body.reset();
  }
}

ClientCall* ClientConnection::Find(std::int32_t id) {
  if (!is_open())
    return nullptr;  // closed by a callback: the calls are gone, nghttp2 does not know yet
  return static_cast<ClientCall*>(nghttp2_session_get_stream_user_data(session(), id));
}

ssize_t ClientConnection::ReadBody(nghttp2_session*, std::int32_t id, std::uint8_t*,
                                   std::size_t size, std::uint32_t* flags, nghttp2_data_source*,
                                   void* self) {
  const ClientCall* call = Self(self).Find(id);
  if (call == nullptr) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
  if (call->bytes_left_ <= size) *flags |= NGHTTP2_DATA_FLAG_EOF;
  return static_cast<ssize_t>(std::min(call->bytes_left_, size));
}

int ClientConnection::OnHeader(nghttp2_session*, const nghttp2_frame* frame,
                               const std::uint8_t* name, std::size_t name_size,
                               const std::uint8_t* value, std::size_t value_size, std::uint8_t,
                               void* self) {
  ClientCall* call = Self(self).Find(frame->hd.stream_id);
  if (call == nullptr) return 0;
  if (!call->CountHeader(name_size, value_size)) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  const std::string_view key = View(name, name_size);
  const std::string_view text = View(value, value_size);
  if (key == ":status") {
    call->TakeHttpStatus(text);
  } else if (call->is_interim) {
    return 0;
  } else if (key == "grpc-encoding") {
    call->response.encoding = text;
  } else if ((frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0 && !call->TakeLast(key, text)) {
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  }
  return 0;
}

int ClientConnection::OnInvalidHeader(nghttp2_session*, const nghttp2_frame* frame,
                                      const std::uint8_t*, std::size_t name_size,
                                      const std::uint8_t*, std::size_t value_size, std::uint8_t,
                                      void* self) {
  ClientCall* call = Self(self).Find(frame->hd.stream_id);
  const bool is_good = call == nullptr || call->CountHeader(name_size, value_size);
  return is_good ? 0 : NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

int ClientConnection::OnFrame(nghttp2_session*, const nghttp2_frame* frame, void* self) {
  ClientConnection& connection = Self(self);
  if (frame->hd.type == NGHTTP2_SETTINGS) {
    const bool is_first = !std::exchange(connection.is_ready_, true);
    if (connection.owner_ == nullptr) return 0;
    is_first ? connection.owner_->OnConnectionReady() : connection.owner_->OnConnectionRoom();
  } else if (frame->hd.type == NGHTTP2_GOAWAY && !connection.is_draining_) {
    connection.is_draining_ = true;
    if (connection.owner_ != nullptr) connection.owner_->OnConnectionDraining();
  } else if (frame->hd.type == NGHTTP2_HEADERS &&
             (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0) {
    if (ClientCall* call = connection.Find(frame->hd.stream_id)) call->has_ended = true;
  }
  return 0;
}

int ClientConnection::OnFrameSent(nghttp2_session*, const nghttp2_frame* frame, void* self) {
  Self(self).NoteGoaway(*frame);
  if (frame->hd.type != NGHTTP2_HEADERS) return 0;
  if (ClientCall* call = Self(self).Find(frame->hd.stream_id)) call->was_sent = true;
  return 0;
}

int ClientConnection::OnData(nghttp2_session* session, std::uint8_t, std::int32_t id,
                             const std::uint8_t* data, std::size_t size, void* self) {
  ClientCall* call = Self(self).Find(id);
  if (call == nullptr || call->sink_ == nullptr) return 0;
  if (call->response.body.size() + size > kResponseBytesMax + Body::kHeadroomBytes) {
    GrpcResponse response{.kind = GrpcResponse::Kind::kStatus,
                          .code = GrpcCode::kInternal,
                          .message = "the backend's answer is larger than 4 MiB"};
    nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, id, NGHTTP2_CANCEL);
    std::exchange(call->sink_, nullptr)->OnResponse(std::move(response));
    return 0;
  }
  call->response.body.insert(call->response.body.end(), data, data + size);
  return 0;
}

int ClientConnection::OnStreamClose(nghttp2_session*, std::int32_t id, std::uint32_t error,
                                    void* self) {
  ClientConnection& connection = Self(self);
  const auto found = connection.calls_.find(id);
  if (found == connection.calls_.end()) return 0;
  const std::unique_ptr<ClientCall> call = std::move(found->second);
  connection.calls_.erase(found);
  if (call->sink_ == nullptr) {
    if (connection.owner_ != nullptr) connection.owner_->OnConnectionRoom();
    return 0;
  }
  GrpcResponse& response = call->response;
  if (call->has_grpc_status && call->has_ended) {
    response.kind = GrpcResponse::Kind::kStatus;
  } else if (call->http_status.has_value() && *call->http_status != 200) {
    response.kind = GrpcResponse::Kind::kStatus;
    response.code = CodeFromHttpStatus(*call->http_status);
    response.message = "HTTP status " + std::to_string(*call->http_status) + " without grpc-status";
  } else if (error == NGHTTP2_NO_ERROR) {
    response.kind = GrpcResponse::Kind::kStatus;
    response.code = GrpcCode::kUnknown;
    response.message = "answer without grpc-status";
  } else {
    SetBroken(response, error);
    if (!call->was_sent) response.kind = GrpcResponse::Kind::kUnprocessed;
  }
  call->sink_->OnResponse(std::move(response));
  return 0;
}

}  // namespace router
