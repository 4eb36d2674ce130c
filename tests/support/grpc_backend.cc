#include "tests/support/grpc_backend.h"

#include <grpcpp/alarm.h>

#include "tests/support/byte_buffer.h"

namespace router::test {
namespace {

grpc::Status StatusOf(const Answer& answer) {
  if (answer.code == 0) return grpc::Status::OK;
  std::string details;
  if (answer.details) {
    details = *answer.details;
  } else if (answer.retry_delay) {
    details = DetailsWithRetryInfo(answer.code, answer.message, *answer.retry_delay);
  }
  return grpc::Status(static_cast<grpc::StatusCode>(answer.code), answer.message, details);
}

std::string ResponseOf(const Answer& answer) {
  if (answer.response) return *answer.response;
  ExportResponse response;
  if (answer.rejected_spans != 0 || !answer.warning.empty()) {
    response.mutable_partial_success()->set_rejected_spans(answer.rejected_spans);
    response.mutable_partial_success()->set_error_message(answer.warning);
  }
  return response.SerializeAsString();
}

std::multimap<std::string, std::string> CopyMetadata(
    const std::multimap<grpc::string_ref, grpc::string_ref>& metadata) {
  std::multimap<std::string, std::string> copy;
  for (const auto& [name, value] : metadata) {
    copy.emplace(std::string(name.data(), name.size()), std::string(value.data(), value.size()));
  }
  return copy;
}

}  // namespace

// One call: reads the message, asks the backend for the answer, gives it after its delay. Deletes
// itself when gRPC is done with it; until Finish was called the alarm may still fire.
class GrpcBackend::Call : public grpc::ServerGenericBidiReactor {
 public:
  Call(GrpcBackend& backend, grpc::GenericCallbackServerContext& context)
      : backend_(backend), context_(context) {
    if (context.method() != kExportMethod) {
      Finish(grpc::Status(grpc::StatusCode::UNIMPLEMENTED, "unknown method " + context.method()));
      return;
    }
    StartRead(&request_);
  }

  void OnReadDone(bool ok) override {
    if (!ok) {
      Finish(grpc::Status(grpc::StatusCode::INTERNAL, "no message"));
      return;
    }
    ReceivedRequest received;
    received.bytes = ToString(request_);
    received.is_valid = received.message.ParseFromString(received.bytes);
    if (!received.is_valid) received.message.Clear();
    received.peer = context_.peer();
    received.metadata = CopyMetadata(context_.client_metadata());
    received.arrived = std::chrono::steady_clock::now();
    received.deadline = context_.deadline();
    request_.Clear();
    answer_ = backend_.Accept(std::move(received));
    if (answer_.delay.count() == 0) {
      Reply();
      return;
    }
    const std::lock_guard lock(mu_);
    if (is_cancelled_) {
      Finish(grpc::Status::CANCELLED);
      return;
    }
    is_waiting_ = true;
    alarm_.Set(std::chrono::system_clock::now() + answer_.delay, [this](bool) { Reply(); });
  }

  void OnCancel() override {
    const std::lock_guard lock(mu_);
    is_cancelled_ = true;
    if (!is_waiting_) return;
    backend_.CountCancelled();
    alarm_.Cancel();
  }

  void OnDone() override { delete this; }

 private:
  void Reply() {
    {
      const std::lock_guard lock(mu_);  // also: Set() has returned
      is_waiting_ = false;
    }
    for (const auto& [name, value] : answer_.trailers) context_.AddTrailingMetadata(name, value);
    if (answer_.code != 0) {
      Finish(StatusOf(answer_));
      return;
    }
    if (answer_.gzip) context_.set_compression_algorithm(GRPC_COMPRESS_GZIP);
    response_ = ToByteBuffer(ResponseOf(answer_));
    StartWriteAndFinish(&response_, grpc::WriteOptions(), grpc::Status::OK);
  }

  GrpcBackend& backend_;
  grpc::GenericCallbackServerContext& context_;
  grpc::ByteBuffer request_;
  grpc::ByteBuffer response_;
  Answer answer_;
  std::mutex mu_;
  bool is_waiting_ = false;    // under mu_
  bool is_cancelled_ = false;  // under mu_
  grpc::Alarm alarm_;
};

class GrpcBackend::Service : public grpc::CallbackGenericService {
 public:
  explicit Service(GrpcBackend& backend) : backend_(backend) {}
  grpc::ServerGenericBidiReactor* CreateReactor(
      grpc::GenericCallbackServerContext* context) override {
    return new Call(backend_, *context);
  }

 private:
  GrpcBackend& backend_;
};

Result<std::unique_ptr<GrpcBackend>> GrpcBackend::Start(Options options) {
  std::unique_ptr<GrpcBackend> backend(new GrpcBackend(std::move(options)));
  backend->service_ = std::make_unique<Service>(*backend);
  grpc::ServerBuilder builder;
  int bound_port = 0;
  builder.AddListeningPort(backend->options_.address + ":" + std::to_string(backend->options_.port),
                           backend->options_.credentials != nullptr
                               ? backend->options_.credentials
                               : grpc::InsecureServerCredentials(),
                           &bound_port);
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.SetMaxReceiveMessageSize(static_cast<int>(backend->options_.message_bytes_max));
  builder.RegisterCallbackGenericService(backend->service_.get());
  backend->server_ = builder.BuildAndStart();
  if (!backend->server_ || bound_port == 0) {
    return Failure("cannot listen on " + backend->options_.address + ":" +
                   std::to_string(backend->options_.port));
  }
  backend->port_ = static_cast<std::uint16_t>(bound_port);
  return backend;
}

GrpcBackend::GrpcBackend(Options options) : options_(std::move(options)) {}

GrpcBackend::~GrpcBackend() {
  if (!server_) return;
  server_->Shutdown(std::chrono::system_clock::now());
  server_->Wait();
}

Answer GrpcBackend::Accept(ReceivedRequest request) {
  const std::lock_guard lock(mu_);
  request.number = request_count_++;
  if (options_.observer) options_.observer(request);
  Answer answer = script_ ? script_(request) : Answer();
  if (options_.keep_requests) {
    ledger_.Add(request.message);
    requests_.push_back(std::move(request));
  }
  changed_.notify_all();
  return answer;
}

void GrpcBackend::CountCancelled() {
  const std::lock_guard lock(mu_);
  ++cancelled_count_;
  changed_.notify_all();
}

void GrpcBackend::SetScript(Script script) {
  const std::lock_guard lock(mu_);
  script_ = std::move(script);
}

void GrpcBackend::AlwaysAnswer(Answer answer) {
  SetScript([answer](const ReceivedRequest&) { return answer; });
}

std::vector<ReceivedRequest> GrpcBackend::requests() const {
  const std::lock_guard lock(mu_);
  return requests_;
}

SpanLedger GrpcBackend::ledger() const {
  const std::lock_guard lock(mu_);
  return ledger_;
}

std::uint64_t GrpcBackend::request_count() const {
  const std::lock_guard lock(mu_);
  return request_count_;
}

std::uint64_t GrpcBackend::cancelled_count() const {
  const std::lock_guard lock(mu_);
  return cancelled_count_;
}

bool GrpcBackend::WaitForRequests(std::uint64_t count, std::chrono::milliseconds deadline) {
  std::unique_lock lock(mu_);
  return changed_.wait_for(lock, deadline, [&] { return request_count_ >= count; });
}

bool GrpcBackend::WaitForCancelled(std::uint64_t count, std::chrono::milliseconds deadline) {
  std::unique_lock lock(mu_);
  return changed_.wait_for(lock, deadline, [&] { return cancelled_count_ >= count; });
}

void GrpcBackend::Reset() {
  const std::lock_guard lock(mu_);
  script_ = nullptr;
  requests_.clear();
  ledger_ = SpanLedger();
  request_count_ = cancelled_count_ = 0;
}

}  // namespace router::test
