#include "router/http2/server_stream.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cstring>
#include <utility>

#include "router/base/ascii_text.h"
#include "router/base/limits.h"
#include "router/http2/grpc_header.h"
#include "router/http2/nv.h"
#include "router/http2/server_connection.h"
#include "router/transport/http_date.h"

namespace router {
namespace {

std::string CodeText(GrpcCode code) { return std::to_string(static_cast<int>(code)); }

}  // namespace

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

void ServerStream::SetAnswered() {
  state_ = State::kAnswered;
  answered_at_ = connection_.loop().Now();
  connection_.WatchAnswers();
}

void ServerStream::RespondMessage(std::string_view message) {
  assert(state_ == State::kRequest);
  SetAnswered();
  is_finished_ = true;
  AppendMessage(message);
  SubmitResponseWithBody();
}

void ServerStream::RespondStatus(const GrpcTrailers& trailers) {
  assert(state_ == State::kRequest);
  SetAnswered();
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
  SetAnswered();
  is_finished_ = is_http_ = true;
  const std::string length = is_head_ ? std::to_string(body.size()) : std::string();
  if (!is_head_) out_ = std::move(body);
  const std::string code = std::to_string(status);
  const HttpDate date = HttpDateNow();
  std::array<nghttp2_nv, kAnswerFieldsMax + 3> list;
  std::size_t count = 0;
  list[count++] = Field(":status", code);
  list[count++] = Field("date", std::string_view(date.data(), date.size()));
  for (const HttpField& field : fields) list[count++] = Field(field.name, field.value);
  if (is_head_) list[count++] = Field("content-length", length);
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
  SetAnswered();
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
  if (is_held || state_ == State::kAnswered) return;
  if (connection_.options_.first_window_bytes < kServerStreamWindowBytes) {
    nghttp2_session_set_local_window_size(connection_.session(), NGHTTP2_FLAG_NONE, id_,
                                          kServerStreamWindowBytes);
  }
  nghttp2_session_consume_stream(connection_.session(), id_, std::exchange(held_bytes_, 0));
  connection_.MarkDirty();
  if (!is_continue_due_) return;
  // Not at once: an answer may follow here, and then the body shall not come.
  connection_.loop().Post(
      [alive = connection_.shared_from_this(), &connection = connection_, id = id_] {
        if (ServerStream* stream = connection.Find(id)) stream->SubmitContinue();
      });
}

void ServerStream::SubmitContinue() {
  if (is_held_ || state_ != State::kRequest || !std::exchange(is_continue_due_, false)) return;
  const nghttp2_nv status = StaticField(":status", "100");
  nghttp2_submit_headers(connection_.session(), NGHTTP2_FLAG_NONE, id_, nullptr, &status, 1,
                         nullptr);
  connection_.MarkDirty();
}

bool ServerStream::CountHeader(std::size_t name_size, std::size_t value_size) {
  header_bytes_ += FieldBytes(name_size, value_size);
  return header_bytes_ <= kHeaderBlockBytesMax;
}

void ServerStream::NoteField(std::string_view name, std::string_view value) {
  if (name == ":method") {
    is_head_ = value == "HEAD";
  } else if (name == "expect") {
    is_continue_due_ = IsSameText(value, "100-continue");
  }
}

void ServerStream::StopRequest() {
  nghttp2_submit_rst_stream(connection_.session(), NGHTTP2_FLAG_NONE, id_, NGHTTP2_NO_ERROR);
  connection_.MarkDirty();
}

const std::string& ServerStream::peer() const { return connection_.peer(); }

ssize_t ServerStream::ReadBody(nghttp2_session* session, std::span<std::uint8_t> out,
                               std::uint32_t* flags) {
  const std::size_t rest = out_.size() - out_position_;
  const std::size_t taken = std::min(rest, out.size());
  std::memcpy(out.data(), out_.data() + out_position_, taken);
  out_position_ += taken;
  if (taken < rest) return static_cast<ssize_t>(taken);
  out_.clear();
  out_position_ = 0;
  if (!is_finished_) {
    if (taken > 0) return static_cast<ssize_t>(taken);
    is_deferred_ = true;
    return NGHTTP2_ERR_DEFERRED;
  }
  *flags |= NGHTTP2_DATA_FLAG_EOF;
  if (!is_http_) {
    *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
    const std::string code = CodeText(code_);
    const std::string message = PercentEncode(message_);
    const std::array fields = {Field("grpc-status", code), Field("grpc-message", message)};
    nghttp2_submit_trailer(session, id_, fields.data(), message.empty() ? 1 : 2);
  }
  return static_cast<ssize_t>(taken);
}

}  // namespace router
