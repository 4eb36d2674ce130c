#include "router/app/probe.h"

#include <fmt/format.h>
#include <opentelemetry/proto/collector/trace/v1/trace_service.pb.h>

#include <algorithm>
#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <cstdio>
#include <memory>
#include <optional>
#include <random>
#include <thread>
#include <utility>

#include "resolver/endpoint.h"
#include "router/app/address_lookup.h"
#include "router/app/go_duration.h"
#include "router/app/plain_http.h"
#include "router/base/log.h"
#include "router/base/memory_budget.h"
#include "router/base/result.h"
#include "router/base/worker_loop.h"
#include "router/http2/client_connection.h"
#include "router/http2/grpc_frame.h"
#include "router/http2/grpc_header.h"
#include "router/http2/nv.h"
#include "router/otlp/export_response.h"

namespace router {
namespace {

using boost::asio::ip::tcp;

constexpr std::string_view kExportPath =
    "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
constexpr milliseconds kReadyzInterval{200};
constexpr std::size_t kBodyBytesMax = std::size_t{1} << 20;

// An export of one span of the service "spanring-probe"; `trace_id` is 16 random bytes.
std::string OneSpan(const std::string& trace_id) {
  opentelemetry::proto::collector::trace::v1::ExportTraceServiceRequest request;
  auto* group = request.add_resource_spans();
  auto* service = group->mutable_resource()->add_attributes();
  service->set_key("service.name");
  service->mutable_value()->set_string_value("spanring-probe");
  auto* scope = group->add_scope_spans();
  scope->mutable_scope()->set_name("spanring.probe");
  auto* span = scope->add_spans();
  span->set_trace_id(trace_id);
  span->set_span_id(trace_id.substr(8));
  span->set_name("probe");
  span->set_kind(opentelemetry::proto::trace::v1::Span::SPAN_KIND_INTERNAL);
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const auto now_ns = std::chrono::duration_cast<std::chrono::nanoseconds>(now).count();
  span->set_start_time_unix_nano(static_cast<std::uint64_t>(now_ns));
  span->set_end_time_unix_nano(static_cast<std::uint64_t>(now_ns) + 1);
  return request.SerializeAsString();
}

std::string RandomTraceId() {
  std::random_device device;
  std::string bytes(16, '\0');
  do {
    for (char& byte : bytes) byte = static_cast<char>(device());
  } while (bytes == std::string(16, '\0') || bytes.substr(8) == std::string(8, '\0'));
  return bytes;
}

std::string Hex(const std::string& bytes) {
  std::string text;
  for (const char byte : bytes) text += fmt::format("{:02x}", static_cast<unsigned char>(byte));
  return text;
}

// What the answer says about the span; an error: it was not taken.
Result<void> Judge(const GrpcResponse& response) {
  const std::string said = response.message.empty() ? "" : ": " + Printable(response.message, 1024);
  if (response.kind != GrpcResponse::Kind::kStatus) return Failure("no answer" + said);
  if (response.code != GrpcCode::kOk) {
    return Failure("answered " + std::string(GrpcCodeName(response.code)) + said);
  }
  MemoryBudget budget(kBodyBytesMax);
  MemoryAccount account(budget);
  Body body(account);
  GrpcMessageReader reader(body, kBodyBytesMax);
  const bool is_whole = reader.Feed(response.body) == GrpcMessageReader::Status::kOk &&
                        reader.Finish() == GrpcMessageReader::Status::kOk;
  if (!is_whole || reader.is_compressed()) {
    return Failure("answered OK with a message that cannot be read: is this an OTLP receiver?");
  }
  const ExportResponse parsed = ParseExportResponse(body.bytes());
  if (parsed.outcome == ExportOutcome::kMalformed) {
    return Failure("answered OK with something else than an export response");
  }
  if (parsed.partial.rejected_spans > 0) {
    return Failure("answered OK, but the span was rejected: " + parsed.partial.message);
  }
  return {};
}

// One connection to one address, one call. Lives on the calling thread inside Run().
class Call final : private ConnectionOwner, private ResponseSink {
 public:
  Call(std::vector<nghttp2_nv> fields, const std::string& message, TimePoint deadline)
      : fields_(std::move(fields)), deadline_(deadline) {
    auto body = std::make_shared<Body>(account_);
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(message.data());
    if (body->Append({bytes, message.size()})) frame_ = body->FrameAsGrpc(false);
    body_ = std::move(body);
  }
  ~Call() {
    if (connection_ == nullptr) return;
    connection_->Abandon();
    connection_->Close("the probe is done");
  }

  // An error: no such connection came to be, or the call got no good answer.
  Result<void> Run(const tcp::endpoint& address, TlsContext::Ptr tls,
                   const std::string& server_name) {
    tcp::socket socket(loop_.io());
    socket.async_connect(address, [&](const boost::system::error_code& error) {
      if (error) {
        End(Failure(error.message()));
        return;
      }
      has_connected_ = true;
      connection_ = ClientConnection::Start(
          loop_, Transport(std::move(socket), std::move(tls), server_name), *this);
    });
    loop_.SetTimer(timer_, deadline_);
    loop_.Run();
    return *result_;
  }
  // When not, another address may do better.
  bool has_connected() const { return has_connected_; }

 private:
  void End(Result<void> result) {
    if (!result_) result_ = std::move(result);
    loop_.Stop();
  }
  void OnTimer() {
    if (!has_connected_) {
      End(Failure("no TCP connection in time"));
    } else if (!is_sent_) {
      End(Failure("connected, but no HTTP/2 settings came: is this the port of OTLP/gRPC?"));
    } else {
      End(Failure("the span was sent, and no answer came in time"));
    }
  }
  void OnConnectionReady() override {
    const auto left = std::chrono::duration_cast<milliseconds>(deadline_ - loop_.Now());
    const std::string timeout = FormatGrpcTimeout(left);
    fields_.push_back(Field("grpc-timeout", timeout));
    BodyRanges ranges;
    ranges.push_back({body_, frame_});
    is_sent_ = connection_->Send(fields_, std::move(ranges), *this) != nullptr;
    if (!is_sent_) End(Failure("the connection takes no call"));
  }
  void OnConnectionDraining() override {}
  void OnConnectionClosed(std::string_view reason) override {
    connection_ = nullptr;
    End(Failure((is_sent_ ? "the span was sent, and then the connection was lost: "
                          : "connected, but not with HTTP/2; is this the port of OTLP/gRPC, and "
                            "is TLS as it is there? ") +
                Printable(reason)));
  }
  void OnResponse(GrpcResponse&& response) override { End(Judge(response)); }

  MemoryBudget budget_{kBodyBytesMax};
  MemoryAccount account_{budget_};
  std::vector<nghttp2_nv> fields_;
  const TimePoint deadline_;
  std::shared_ptr<const Body> body_;
  std::span<const std::uint8_t> frame_;
  bool has_connected_ = false;
  bool is_sent_ = false;
  std::optional<Result<void>> result_;
  WorkerLoop loop_;
  std::shared_ptr<ClientConnection> connection_;
  MemberTimer<Call, &Call::OnTimer> timer_{*this};
};

// Asks until it says 200.
Result<void> AwaitReady(const PlainUrl& url, TimePoint deadline) {
  for (;;) {
    const auto reply = GetPlainHttp(url, deadline);
    if (reply && reply->status == 200) return {};
    if (Clock::now() + kReadyzInterval >= deadline) {
      if (!reply) return Failure("not ready: " + reply.error().message);
      return Failure(fmt::format("not ready: {} says {}: {}", url.text, reply->status,
                                 Printable(reply->body, 80)));
    }
    std::this_thread::sleep_for(kReadyzInterval);
  }
}

using Headers = std::vector<std::pair<std::string, std::string>>;

Result<Headers> ParseHeaders(const std::vector<std::string>& texts) {
  Headers headers;
  for (const std::string& text : texts) {
    const std::size_t equals = text.find('=');
    std::string name = text.substr(0, equals);
    std::transform(name.begin(), name.end(), name.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; });
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(name.data());
    if (equals == std::string::npos || name.starts_with(':') ||
        nghttp2_check_header_name(bytes, name.size()) == 0) {
      return Failure("--header " + Printable(name) + "…: not NAME=VALUE with the name of a header");
    }
    std::string value = text.substr(equals + 1);
    const auto* value_bytes = reinterpret_cast<const std::uint8_t*>(value.data());
    if (nghttp2_check_header_value(value_bytes, value.size()) == 0) {
      return Failure("--header " + name +
                     "=…: a value of one line, without control characters, is needed");
    }
    headers.emplace_back(std::move(name), std::move(value));
  }
  return headers;
}

Result<TlsContext::Ptr> MakeTls(const ProbeOptions& options) {
  const bool is_wanted = options.is_tls || !options.ca_file.empty() || !options.cert_file.empty() ||
                         !options.key_file.empty() || !options.server_name.empty() ||
                         options.skip_verify;
  if (!is_wanted) return TlsContext::Ptr();
  if (options.cert_file.empty() != options.key_file.empty()) {
    return Failure(options.cert_file.empty()
                       ? "--tls-key: our certificate is needed with it: --tls-cert FILE"
                       : "--tls-cert: its key is needed with it: --tls-key FILE");
  }
  TlsSettings settings;
  settings.ca_file = options.ca_file;
  settings.cert_file = options.cert_file;
  settings.key_file = options.key_file;
  settings.server_name = options.server_name;
  settings.skip_verify = options.skip_verify;
  return TlsContext::NewClient(settings);
}

// "acknowledged by …", or why not.
Result<std::string> Run(const ProbeOptions& options, const std::string& trace_id) {
  const auto timeout = ParseGoDuration(options.timeout);
  if (!timeout || *timeout < milliseconds(1)) {
    return Failure("--timeout " + options.timeout + ": not a duration such as 10s");
  }
  const TimePoint deadline = Clock::now() + std::chrono::duration_cast<Duration>(*timeout);
  const auto target = resolver::ParseHostPort(options.endpoint);
  if (!target) return Failure("--endpoint " + options.endpoint + ": " + target.error());
  const auto headers = ParseHeaders(options.headers);
  if (!headers) return tl::unexpected(headers.error());
  const auto tls = MakeTls(options);
  if (!tls) return tl::unexpected(tls.error());
  if (!options.readyz.empty()) {
    const auto url = ParsePlainUrl(options.readyz);
    if (!url) return Failure("--readyz " + url.error().message);
    if (const auto ready = AwaitReady(*url, deadline); !ready) {
      return tl::unexpected(ready.error());
    }
  }
  const std::uint16_t port = target->port.value_or(resolver::kDefaultPort);
  const auto addresses = LookUp(target->host, port, deadline);
  if (!addresses) return Failure("--endpoint " + addresses.error().message);

  std::vector<nghttp2_nv> fields = {StaticField(":method", "POST"),
                                    StaticField(":scheme", *tls ? "https" : "http"),
                                    StaticField(":path", kExportPath),
                                    Field(":authority", options.endpoint),
                                    StaticField("te", "trailers"),
                                    StaticField("content-type", "application/grpc"),
                                    StaticField("user-agent", "spanring-probe"),
                                    StaticField("grpc-accept-encoding", "identity")};
  for (const auto& [name, value] : *headers) fields.push_back(Field(name, value));
  const std::string message = OneSpan(trace_id);
  // As clients do: the next address when there is no connection to the first.
  std::string tried;
  for (const tcp::endpoint& endpoint : *addresses) {
    const std::string address = resolver::CanonicalName(endpoint);
    const TimePoint started = Clock::now();
    Call call(fields, message, deadline);
    const Result<void> result = call.Run(endpoint, *tls, target->host);
    if (result) {
      const auto took = std::chrono::duration_cast<milliseconds>(Clock::now() - started);
      return fmt::format("acknowledged by {}, {}, {} ms", address, *tls ? "TLS" : "plaintext",
                         took.count());
    }
    tried += (tried.empty() ? "" : "; ") + address + ": " + result.error().message;
    if (call.has_connected()) break;
  }
  return Failure(tried);
}

}  // namespace

int Probe(const ProbeOptions& options) {
  const std::string trace_id = RandomTraceId();
  const Result<std::string> result = Run(options, trace_id);
  if (!result) {
    std::fprintf(stderr, "probe: span of trace %s not acknowledged: %s\n", Hex(trace_id).c_str(),
                 result.error().message.c_str());
    return 1;
  }
  std::printf("probe: span of trace %s %s\n", Hex(trace_id).c_str(), result->c_str());
  return 0;
}

}  // namespace router
