#include "tests/support/http2_peer.h"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>

namespace router::test {
namespace {

using boost::asio::ip::tcp;

Http2Peer& Self(void* self) { return *static_cast<Http2Peer*>(self); }

std::vector<nghttp2_nv> Fields(const HeaderList& headers) {
  std::vector<nghttp2_nv> fields;
  for (const auto& [name, value] : headers) {
    fields.push_back({reinterpret_cast<std::uint8_t*>(const_cast<char*>(name.data())),
                      reinterpret_cast<std::uint8_t*>(const_cast<char*>(value.data())), name.size(),
                      value.size(), NGHTTP2_NV_FLAG_NONE});
  }
  return fields;
}

std::string Describe(const nghttp2_frame& frame) {
  static constexpr std::array<const char*, 10> kNames = {
      "DATA",         "HEADERS", "PRIORITY", "RST_STREAM",    "SETTINGS",
      "PUSH_PROMISE", "PING",    "GOAWAY",   "WINDOW_UPDATE", "CONTINUATION"};
  std::string text = frame.hd.type < kNames.size() ? kNames[frame.hd.type] : "UNKNOWN";
  text += " " + std::to_string(frame.hd.stream_id);
  const bool has_end = frame.hd.type == NGHTTP2_DATA || frame.hd.type == NGHTTP2_HEADERS;
  if (has_end && (frame.hd.flags & NGHTTP2_FLAG_END_STREAM) != 0) text += " END";
  if (frame.hd.type == NGHTTP2_RST_STREAM)
    text += " " + std::to_string(frame.rst_stream.error_code);
  if (frame.hd.type == NGHTTP2_GOAWAY) {
    text += " " + std::to_string(frame.goaway.last_stream_id) + " " +
            std::to_string(frame.goaway.error_code);
  }
  return text;
}

}  // namespace

bool TurnUntil(WorkerLoop& loop, const std::function<bool()>& is_met) {
  boost::asio::steady_timer deadline(loop.io(), std::chrono::seconds(10));
  const auto is_over = std::make_shared<bool>(false);
  deadline.async_wait([is_over](const boost::system::error_code& error) { *is_over = !error; });
  loop.Turn(false);  // arms what was set between turns
  bool met = is_met();
  while (!met && !*is_over) {
    loop.Turn(true);
    met = is_met();
  }
  return met;
}

std::pair<tcp::socket, tcp::socket> ConnectedSockets(WorkerLoop& loop, int buffer_bytes) {
  tcp::acceptor acceptor(loop.io(), {boost::asio::ip::address_v4::loopback(), 0});
  tcp::socket left(loop.io());
  left.open(tcp::v4());
  if (buffer_bytes > 0) {
    left.set_option(tcp::socket::send_buffer_size(buffer_bytes));
    left.set_option(tcp::socket::receive_buffer_size(buffer_bytes));
    acceptor.set_option(tcp::acceptor::receive_buffer_size(buffer_bytes));
    acceptor.set_option(tcp::acceptor::send_buffer_size(buffer_bytes));
  }
  left.connect(acceptor.local_endpoint());
  tcp::socket right = acceptor.accept();
  return {std::move(left), std::move(right)};
}

std::string GrpcFrame(std::string_view message, bool compressed) {
  std::string frame(1, compressed ? '\1' : '\0');
  for (int shift = 24; shift >= 0; shift -= 8) frame += static_cast<char>(message.size() >> shift);
  frame += message;
  return frame;
}

std::string PeerStream::Header(std::string_view name) const {
  const auto found =
      std::find_if(headers.begin(), headers.end(), [&](const auto& h) { return h.first == name; });
  return found == headers.end() ? "" : found->second;
}

nghttp2_session_callbacks* Http2Peer::Callbacks() {
  nghttp2_session_callbacks* callbacks = nullptr;
  nghttp2_session_callbacks_new(&callbacks);
  nghttp2_session_callbacks_set_on_begin_headers_callback(
      callbacks, [](nghttp2_session*, const nghttp2_frame* frame, void* self) {
        auto& stream = Self(self).streams_[frame->hd.stream_id];
        if (stream == nullptr) stream = std::make_unique<PeerStream>();
        stream->id = frame->hd.stream_id;
        return 0;
      });
  nghttp2_session_callbacks_set_on_header_callback(
      callbacks, [](nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name,
                    std::size_t name_size, const std::uint8_t* value, std::size_t value_size,
                    std::uint8_t, void* self) {
        Self(self).streams_[frame->hd.stream_id]->headers.emplace_back(
            std::string(reinterpret_cast<const char*>(name), name_size),
            std::string(reinterpret_cast<const char*>(value), value_size));
        return 0;
      });
  nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, &OnFrame);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(
      callbacks, [](nghttp2_session*, std::uint8_t, std::int32_t id, const std::uint8_t* data,
                    std::size_t size, void* self) {
        Self(self).streams_[id]->body.append(reinterpret_cast<const char*>(data), size);
        return 0;
      });
  nghttp2_session_callbacks_set_on_stream_close_callback(
      callbacks, [](nghttp2_session*, std::int32_t id, std::uint32_t error, void* self) {
        if (PeerStream* stream = Self(self).Find(id)) {
          stream->is_closed = true;
          stream->error = error;
        }
        return 0;
      });
  return callbacks;
}

std::shared_ptr<Http2Peer> Http2Peer::Start(WorkerLoop& loop, tcp::socket socket, Side side,
                                            const PeerOptions& options) {
  static nghttp2_session_callbacks* const callbacks = Callbacks();
  std::shared_ptr<Http2Peer> peer(new Http2Peer(loop, std::move(socket)));
  peer->socket_.non_blocking(true);
  nghttp2_option* option = nullptr;
  nghttp2_option_new(&option);
  nghttp2_option_set_no_http_messaging(option, 1);
  nghttp2_option_set_no_auto_window_update(option, options.auto_window_update ? 0 : 1);
  if (side == Side::kClient) {
    nghttp2_session_client_new2(&peer->session_, callbacks, peer.get(), option);
  } else {
    nghttp2_session_server_new2(&peer->session_, callbacks, peer.get(), option);
  }
  nghttp2_option_del(option);
  nghttp2_submit_settings(peer->session_, NGHTTP2_FLAG_NONE, options.settings.data(),
                          options.settings.size());
  if (options.connection_window > 0) {
    nghttp2_session_set_local_window_size(peer->session_, NGHTTP2_FLAG_NONE, 0,
                                          options.connection_window);
  }
  peer->Wait(tcp::socket::wait_read);
  peer->Flush();
  return peer;
}

Http2Peer::~Http2Peer() { nghttp2_session_del(session_); }

PeerStream& Http2Peer::Request(const HeaderList& headers, std::string_view body, bool is_end) {
  auto stream = std::make_unique<PeerStream>();
  stream->out = body;
  stream->is_out_ended = is_end;
  const auto fields = Fields(headers);
  nghttp2_data_provider provider{{.ptr = stream.get()}, &ReadOut};
  const bool has_body = !body.empty() || !is_end;
  stream->id = nghttp2_submit_request(session_, nullptr, fields.data(), fields.size(),
                                      has_body ? &provider : nullptr, nullptr);
  PeerStream& result = *stream;
  streams_[result.id] = std::move(stream);
  Flush();
  return result;
}

void Http2Peer::Answer(PeerStream& stream, const HeaderList& headers, std::string_view body,
                       const HeaderList& trailers) {
  stream.out = body;
  stream.trailers = trailers;
  stream.is_out_ended = true;
  const auto fields = Fields(headers);
  nghttp2_data_provider provider{{.ptr = &stream}, &ReadOut};
  const bool has_body = !body.empty() || !trailers.empty();
  nghttp2_submit_response(session_, stream.id, fields.data(), fields.size(),
                          has_body ? &provider : nullptr);
  Flush();
}

void Http2Peer::AnswerGrpc(PeerStream& stream, int code, std::string_view message,
                           const HeaderList& more) {
  const HeaderList first = {{":status", "200"}, {"content-type", "application/grpc"}};
  HeaderList status = {{"grpc-status", std::to_string(code)}};
  if (code == 0) {
    status.insert(status.end(), more.begin(), more.end());
    Answer(stream, first, GrpcFrame(message), status);
    return;
  }
  HeaderList all = first;  // trailers-only
  if (!message.empty()) status.emplace_back("grpc-message", message);
  all.insert(all.end(), status.begin(), status.end());
  all.insert(all.end(), more.begin(), more.end());
  Answer(stream, all, "", {});
}

void Http2Peer::Send(PeerStream& stream, std::string_view bytes, bool is_end) {
  stream.out += bytes;
  stream.is_out_ended = is_end;
  nghttp2_session_resume_data(session_, stream.id);
  Flush();
}

void Http2Peer::Reset(PeerStream& stream, std::uint32_t error) {
  nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, stream.id, error);
  Flush();
}

void Http2Peer::GoAway(std::int32_t last_stream_id, std::uint32_t error) {
  nghttp2_submit_goaway(session_, NGHTTP2_FLAG_NONE, last_stream_id, error, nullptr, 0);
  Flush();
}

void Http2Peer::Consume(PeerStream& stream, std::size_t bytes) {
  nghttp2_session_consume(session_, stream.id, bytes);
  Flush();
}

void Http2Peer::Close() {
  boost::system::error_code ignored;
  socket_.close(ignored);
}

PeerStream* Http2Peer::Find(std::int32_t id) {
  const auto found = streams_.find(id);
  return found == streams_.end() ? nullptr : found->second.get();
}

bool Http2Peer::HasFrame(std::string_view frame) const {
  return std::find(frames_.begin(), frames_.end(), frame) != frames_.end();
}

int Http2Peer::OnFrame(nghttp2_session*, const nghttp2_frame* frame, void* self) {
  Http2Peer& peer = Self(self);
  peer.frames_.push_back(Describe(*frame));
  PeerStream* stream = peer.Find(frame->hd.stream_id);
  const bool has_end = frame->hd.type == NGHTTP2_DATA || frame->hd.type == NGHTTP2_HEADERS;
  if (stream == nullptr || !has_end || (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0) return 0;
  stream->is_ended = true;
  if (peer.on_request) {
    // Posted: an answer must not be sent from inside a callback of nghttp2.
    peer.loop_.Post([peer = peer.shared_from_this(), stream] {
      if (peer->is_open()) peer->on_request(*stream);
    });
  }
  return 0;
}

ssize_t Http2Peer::ReadOut(nghttp2_session* session, std::int32_t id, std::uint8_t* out,
                           std::size_t size, std::uint32_t* flags, nghttp2_data_source* source,
                           void*) {
  auto* stream = static_cast<PeerStream*>(source->ptr);
  const std::size_t taken = std::min(size, stream->out.size());
  if (taken == 0 && !stream->is_out_ended) return NGHTTP2_ERR_DEFERRED;
  std::memcpy(out, stream->out.data(), taken);
  stream->out.erase(0, taken);
  if (stream->out.empty() && stream->is_out_ended) {
    *flags |= NGHTTP2_DATA_FLAG_EOF;
    if (!stream->trailers.empty()) {
      *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
      const auto fields = Fields(stream->trailers);
      nghttp2_submit_trailer(session, id, fields.data(), fields.size());
    }
  }
  return static_cast<ssize_t>(taken);
}

void Http2Peer::Wait(tcp::socket::wait_type what) {
  socket_.async_wait(what,
                     [self = shared_from_this(), what](const boost::system::error_code& error) {
                       if (what == tcp::socket::wait_write) self->is_waiting_to_write_ = false;
                       if (error || !self->is_open()) return;
                       if (what == tcp::socket::wait_write) {
                         self->Flush();
                         return;
                       }
                       self->Read();
                       if (self->is_open()) self->Wait(tcp::socket::wait_read);
                     });
}

void Http2Peer::Read() {
  std::array<std::uint8_t, 16 * 1024> buffer;
  const ssize_t size = ::recv(socket_.native_handle(), buffer.data(), buffer.size(), MSG_DONTWAIT);
  if (size < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (size <= 0 ||
      nghttp2_session_mem_recv(session_, buffer.data(), static_cast<std::size_t>(size)) < 0) {
    Close();
    return;
  }
  Flush();
}

void Http2Peer::Flush() {
  if (!is_open()) return;
  const std::uint8_t* data = nullptr;
  for (ssize_t size; (size = nghttp2_session_mem_send(session_, &data)) > 0;) {
    unsent_.append(reinterpret_cast<const char*>(data), static_cast<std::size_t>(size));
  }
  while (!unsent_.empty()) {
    const ssize_t sent = ::send(socket_.native_handle(), unsent_.data(), unsent_.size(),
                                MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent <= 0) break;
    unsent_.erase(0, static_cast<std::size_t>(sent));
  }
  if (!unsent_.empty() && !is_waiting_to_write_) {
    is_waiting_to_write_ = true;
    Wait(tcp::socket::wait_write);
  }
}

Http2Server::Http2Server(WorkerLoop& loop, PeerOptions options)
    : loop_(loop),
      options_(std::move(options)),
      acceptor_(loop.io(), {boost::asio::ip::address_v4::loopback(), 0}) {
  Accept();
}

void Http2Server::Accept() {
  acceptor_.async_accept([this](const boost::system::error_code& error, tcp::socket socket) {
    if (error) return;
    if (is_mute) {
      mute_.push_back(std::move(socket));
    } else {
      peers_.push_back(
          Http2Peer::Start(loop_, std::move(socket), Http2Peer::Side::kServer, options_));
      Http2Peer* peer = peers_.back().get();
      peer->on_request = [this, peer](PeerStream& stream) {
        ++request_count_;
        if (on_request) on_request(*peer, stream);
      };
    }
    Accept();
  });
}

void Http2Server::Close() {
  boost::system::error_code ignored;
  acceptor_.close(ignored);
  for (const auto& peer : peers_) peer->Close();
  mute_.clear();
}

}  // namespace router::test
