// Http2Client: a client that sends what the test says, byte for byte, and notes what comes back.
//
// Driven by hand: Pump() reads and writes what the socket takes and never blocks.
// Thread safety: one thread.
#pragma once

#include <arpa/inet.h>
#include <nghttp2/nghttp2.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "router/http2/nv.h"

namespace router::test {

using Headers = std::vector<std::pair<std::string, std::string>>;

class Http2Client {
 public:
  struct Call {
    std::map<std::string, std::string> headers;  // of the answer, trailers included
    std::string body;
    bool is_ended = false;    // END_STREAM of the answer came
    bool is_closed = false;   // the stream is over
    std::uint32_t error = 0;  // the code it was closed with

    // Still to be sent.
    std::string out = {};
    bool is_out_complete = false;
  };

  explicit Http2Client(std::uint16_t port)
      : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    is_open_ = ::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
    nghttp2_session_callbacks* callbacks = nullptr;
    nghttp2_session_callbacks_new(&callbacks);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, &OnHeader);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, &OnData);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, &OnFrame);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, &OnClose);
    nghttp2_session_client_new(&session_, callbacks, this);
    nghttp2_session_callbacks_del(callbacks);
    nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, nullptr, 0);
  }
  ~Http2Client() {
    nghttp2_session_del(session_);
    ::close(socket_);
  }
  Http2Client(const Http2Client&) = delete;
  Http2Client& operator=(const Http2Client&) = delete;

  // Opens a stream; the request goes on with Write() and End().
  std::int32_t Open(const Headers& headers) {
    std::vector<nghttp2_nv> fields;
    for (const auto& [name, value] : headers) fields.push_back(router::Field(name, value));
    auto call = std::make_unique<Call>();
    nghttp2_data_provider provider{{.ptr = call.get()}, &ReadBody};
    const std::int32_t id = nghttp2_submit_request(session_, nullptr, fields.data(), fields.size(),
                                                   &provider, call.get());
    calls_[id] = std::move(call);
    return id;
  }
  void Write(std::int32_t id, std::string_view bytes) {
    calls_.at(id)->out += bytes;
    nghttp2_session_resume_data(session_, id);
  }
  void End(std::int32_t id) {
    calls_.at(id)->is_out_complete = true;
    nghttp2_session_resume_data(session_, id);
  }
  void Reset(std::int32_t id) {
    nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, id, NGHTTP2_CANCEL);
  }
  const Call& call(std::int32_t id) const { return *calls_.at(id); }
  bool is_open() const { return is_open_; }
  // GOAWAY came.
  bool is_leaving() const { return is_leaving_; }

  void Pump() {
    if (!is_open_) return;
    std::uint8_t buffer[16384];
    while (true) {
      const ssize_t size = ::recv(socket_, buffer, sizeof buffer, MSG_DONTWAIT);
      if (size < 0 && (errno == EAGAIN || errno == EINTR)) break;
      if (size <= 0 ||
          nghttp2_session_mem_recv(session_, buffer, static_cast<std::size_t>(size)) < 0) {
        is_open_ = false;
        return;
      }
    }
    while (true) {
      if (pending_.empty()) {
        const std::uint8_t* data = nullptr;
        const ssize_t size = nghttp2_session_mem_send(session_, &data);
        if (size <= 0) return;
        pending_.assign(reinterpret_cast<const char*>(data), static_cast<std::size_t>(size));
      }
      const ssize_t sent =
          ::send(socket_, pending_.data(), pending_.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
      if (sent < 0) return;
      pending_.erase(0, static_cast<std::size_t>(sent));
    }
  }

 private:
  static Http2Client& Self(void* self) { return *static_cast<Http2Client*>(self); }
  Call* Find(std::int32_t id) {
    const auto found = calls_.find(id);
    return found == calls_.end() ? nullptr : found->second.get();
  }
  static int OnHeader(nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name,
                      std::size_t name_size, const std::uint8_t* value, std::size_t value_size,
                      std::uint8_t, void* self) {
    if (Call* call = Self(self).Find(frame->hd.stream_id)) {
      call->headers[std::string(View(name, name_size))] = View(value, value_size);
    }
    return 0;
  }
  static int OnData(nghttp2_session*, std::uint8_t, std::int32_t id, const std::uint8_t* data,
                    std::size_t size, void* self) {
    if (Call* call = Self(self).Find(id)) call->body += View(data, size);
    return 0;
  }
  static int OnFrame(nghttp2_session*, const nghttp2_frame* frame, void* self) {
    if (frame->hd.type == NGHTTP2_GOAWAY) Self(self).is_leaving_ = true;
    const bool has_end = (frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA) &&
                         (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    Call* call = Self(self).Find(frame->hd.stream_id);
    if (call != nullptr && has_end) call->is_ended = true;
    return 0;
  }
  static int OnClose(nghttp2_session*, std::int32_t id, std::uint32_t error, void* self) {
    if (Call* call = Self(self).Find(id)) {
      call->is_closed = true;
      call->error = error;
    }
    return 0;
  }
  static ssize_t ReadBody(nghttp2_session*, std::int32_t, std::uint8_t* out, std::size_t size,
                          std::uint32_t* flags, nghttp2_data_source* source, void*) {
    auto* call = static_cast<Call*>(source->ptr);
    const std::size_t taken = std::min(size, call->out.size());
    std::memcpy(out, call->out.data(), taken);
    call->out.erase(0, taken);
    if (call->out.empty() && call->is_out_complete) {
      *flags |= NGHTTP2_DATA_FLAG_EOF;
    } else if (taken == 0) {
      return NGHTTP2_ERR_DEFERRED;
    }
    return static_cast<ssize_t>(taken);
  }

  const int socket_;
  nghttp2_session* session_ = nullptr;
  std::map<std::int32_t, std::unique_ptr<Call>> calls_;
  std::string pending_;
  bool is_open_ = false;
  bool is_leaving_ = false;
};

inline constexpr std::string_view kExportPath =
    "/opentelemetry.proto.collector.trace.v1.TraceService/Export";

inline Headers RequestHeaders(std::string_view path, const Headers& more = {}) {
  Headers headers = {{":method", "POST"},
                     {":scheme", "http"},
                     {":path", std::string(path)},
                     {":authority", "test"},
                     {"content-type", "application/grpc"},
                     {"te", "trailers"}};
  for (const auto& [name, value] : more) {
    const auto found = std::find_if(headers.begin(), headers.end(),
                                    [&](const auto& header) { return header.first == name; });
    if (found == headers.end()) {
      headers.emplace_back(name, value);
    } else {
      found->second = value;
    }
  }
  return headers;
}

// A length-prefixed message.
inline std::string Framed(std::string_view message, char flag = '\0') {
  std::string frame(1, flag);
  for (int shift = 24; shift >= 0; shift -= 8) frame += static_cast<char>(message.size() >> shift);
  return frame.append(message);
}

}  // namespace router::test
