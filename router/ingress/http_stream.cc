#include "router/ingress/http_stream.h"

#include <array>
#include <cassert>
#include <utility>

#include "router/base/limits.h"
#include "router/ingress/http_status.h"
#include "router/ingress/request_head.h"
#include "router/otlp/json_answer.h"

namespace router {
namespace {

using Method = HttpRequestHead::Method;
using Type = HttpRequestHead::Type;

constexpr std::size_t kGzipBytesMin = 1024;  // below that it saves no packet

std::string EnabledEncodings(const HttpFaceOptions& options) {
  std::string names;
  for (std::size_t i = 0; i < options.compressions.size(); ++i) {
    if (!options.compressions[i]) continue;
    names.append(names.empty() ? "" : ", ").append(NameOf(static_cast<Compression>(i)));
  }
  return names;
}

}  // namespace

// The fields of an answer on their way to the connection.
class HttpStream::Answer {
 public:
  void Add(std::string_view name, std::string_view value) {
    if (count_ < fields_.size()) fields_[count_++] = {name, value};
  }
  std::span<const HttpField> fields() const { return std::span(fields_).first(count_); }

 private:
  std::array<HttpField, kAnswerFieldsMax> fields_;
  std::size_t count_ = 0;
};

HttpStream::HttpStream(IngressContext& context, HttpResponder& responder)
    : context_(context),
      responder_(responder),
      intake_(context, *this,
              {.bytes_max = context.options.http.request_bytes_max,
               .key = "protocols.http.max_request_body_size"}) {
  head_.keeps_origin = options().cors.is_on();
}

void HttpStream::OnHeader(std::string_view name, std::string_view value) {
  head_.Add(name, value);
  intake_.OnHeader(name, value);
}

void HttpStream::OnHeadersEnd() {
  if (head_.is_target_too_long) {
    Fail(414, "the request target is longer than 8 KiB");
    return;
  }
  if (options().cors.is_on() && head_.is_preflight()) {
    AnswerPreflight();
    return;
  }
  if (head_.path != options().traces_path) {
    const bool is_other_signal = head_.path == "/v1/metrics" || head_.path == "/v1/logs" ||
                                 head_.path == "/v1development/profiles";
    Fail(404, is_other_signal ? "spanring serves traces only: POST " + options().traces_path
                              : "there is nothing here; traces go to " + options().traces_path);
    return;
  }
  if (head_.method != Method::kPost) {
    Fail(405, "traces are sent by POST");
    return;
  }
  BeginExport();
}

void HttpStream::BeginExport() {
  is_counted_ = true;
  intake_.Count();
  context_.forwarder.ledger().http_requests.Add();
  if (head_.type == Type::kGrpc) {
    Reject(415, "this port speaks OTLP over HTTP; gRPC has a port of its own, by default 4317");
    return;
  }
  if (head_.type != Type::kProtobuf && head_.type != Type::kJson) {
    Reject(415, "content-type must be application/x-protobuf or application/json");
    return;
  }
  if (!head_.encoding || !options().compressions[static_cast<std::size_t>(*head_.encoding)]) {
    accept_encoding_ = EnabledEncodings(options());
    Reject(415, "content-encoding must be one of " + accept_encoding_);
    return;
  }
  if (head_.content_length.value_or(0) > options().request_bytes_max) {
    intake_.EndEarly(intake_.TooLarge());
    return;
  }
  if (head_.content_length.has_value()) intake_.Expect(*head_.content_length);
  intake_.Begin(std::nullopt);
}

void HttpStream::OnRequestEnd() {
  intake_.End({.compression = *head_.encoding, .is_json = is_json()});
}

void HttpStream::OnFault(int status, std::string_view why) {
  if (!is_counted_) {
    Fail(status, why);
  } else if (status == 503) {
    intake_.EndEarly(intake_.NoMemory());
  } else if (status == 504) {
    intake_.EndEarly(Expiry(std::string(why)));
  } else {
    Reject(status, std::string(why));
  }
}

// ---- answers -----------------------------------------------------------------------------------

void HttpStream::Reject(int status, std::string message) {
  status_ = status;
  intake_.EndEarly(Rejection(GrpcCodeOfHttpStatus(status), RejectIndex(RejectReason::kProtocol),
                             std::move(message)));
}

void HttpStream::Fail(int status, std::string_view message) {
  Answer answer;
  answer.Add("content-type", is_json() ? "application/json" : "application/x-protobuf");
  if (status == 405) answer.Add("allow", options().cors.is_on() ? "POST, OPTIONS" : "POST");
  const GrpcCode code = GrpcCodeOfHttpStatus(status);
  Send(answer, status, is_json() ? StatusJson(code, message) : SerializeStatus(code, message));
}

void HttpStream::OnVerdict(const Verdict& verdict) {
  const int status = status_.value_or(HttpStatusOf(verdict));
  Answer answer;
  answer.Add("content-type", is_json() ? "application/json" : "application/x-protobuf");
  std::string retry_after;
  if (verdict.retry_delay.has_value()) {
    retry_after = std::to_string(RetryAfterSeconds(*verdict.retry_delay));
    answer.Add("retry-after", retry_after);
  }
  if (!accept_encoding_.empty()) answer.Add("accept-encoding", accept_encoding_);
  const AuthPolicy* policy = context_.authenticator.policy();
  if (status == 401 && policy != nullptr) answer.Add("www-authenticate", policy->challenge());
  if (verdict.code == GrpcCode::kOk) {
    Send(
        answer, status,
        is_json() ? ExportResponseJson(verdict.partial) : SerializeExportResponse(verdict.partial));
    return;
  }
  const std::string_view message =
      std::string_view(verdict.message).substr(0, kErrorMessageBytesMax);
  Send(answer, status,
       is_json() ? StatusJson(verdict.code, message) : SerializeStatus(verdict.code, message));
}

void HttpStream::AnswerPreflight() {
  const Cors& cors = options().cors;
  Answer answer;
  answer.Add("vary", "origin, access-control-request-method, access-control-request-headers");
  const bool is_granted = cors.AllowsOrigin(head_.origin) && head_.asked_method == "POST" &&
                          !head_.is_asking_too_much && cors.AllowsHeaders(head_.asked_headers);
  if (is_granted) {
    AddCors(answer);
    answer.Add("access-control-allow-methods", "POST");
    if (!head_.asked_headers.empty()) {
      answer.Add("access-control-allow-headers", head_.asked_headers);
    }
    if (!cors.max_age.empty()) answer.Add("access-control-max-age", cors.max_age);
  }
  Send(answer, 204, "");
}

void HttpStream::AddCors(Answer& answer) const {
  const Cors& cors = options().cors;
  if (head_.origin.empty() || !cors.AllowsOrigin(head_.origin)) return;
  answer.Add("access-control-allow-origin",
             cors.AllowsEveryOrigin() ? std::string_view("*") : std::string_view(head_.origin));
  answer.Add("access-control-allow-credentials", "true");
}

void HttpStream::Send(Answer& answer, int status, std::string body) {
  assert(!is_answered_);
  is_answered_ = true;
  if (options().cors.is_on() && status != 204) {
    answer.Add("vary", "origin");
    AddCors(answer);
    if (!options().cors.exposed_headers.empty()) {
      answer.Add("access-control-expose-headers", options().cors.exposed_headers);
    }
  }
  for (const auto& [name, value] : options().response_headers) answer.Add(name, value);
  if (head_.accepts_gzip && body.size() >= kGzipBytesMin) {
    Body packed(context_.memory);
    const std::span plain(reinterpret_cast<const std::uint8_t*>(body.data()), body.size());
    if (context_.codec.Deflate(Compression::kGzip, plain, packed) && packed.size() < body.size()) {
      body.assign(reinterpret_cast<const char*>(packed.data()), packed.size());
      answer.Add("content-encoding", "gzip");
    }
  }
  responder_.Respond(status, answer.fields(), std::move(body));
}

}  // namespace router
