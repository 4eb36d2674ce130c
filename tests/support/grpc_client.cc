#include "tests/support/grpc_client.h"

#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <mutex>

#include "tests/support/byte_buffer.h"

namespace router::test {
namespace {

constexpr std::chrono::seconds kCallMax{60};

std::shared_ptr<grpc::Channel> OpenChannel(const std::string& target, const std::string& policy) {
  grpc::ChannelArguments arguments;
  arguments.SetLoadBalancingPolicyName(policy);
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  arguments.SetMaxReceiveMessageSize(-1);
  return grpc::CreateCustomChannel(target, grpc::InsecureChannelCredentials(), arguments);
}

}  // namespace

struct PendingCall::State {
  grpc::ClientContext context;
  grpc::ByteBuffer request;
  grpc::ByteBuffer response;
  std::chrono::steady_clock::time_point started;

  std::mutex mu;
  std::condition_variable changed;
  bool is_done = false;  // under mu
  CallResult result;     // under mu until is_done
};

PendingCall::PendingCall() : state_(std::make_unique<State>()) {}

PendingCall::~PendingCall() {
  state_->context.TryCancel();
  std::unique_lock lock(state_->mu);
  state_->changed.wait(lock, [this] { return state_->is_done; });
}

void PendingCall::Cancel() { state_->context.TryCancel(); }

const CallResult* PendingCall::Wait(std::chrono::milliseconds deadline) {
  std::unique_lock lock(state_->mu);
  if (!state_->changed.wait_for(lock, deadline, [this] { return state_->is_done; })) return nullptr;
  return &state_->result;
}

GrpcClient::GrpcClient(const std::string& target, const std::string& policy)
    : GrpcClient(OpenChannel(target, policy)) {}

GrpcClient::GrpcClient(std::shared_ptr<grpc::Channel> channel)
    : channel_(std::move(channel)), stub_(channel_) {}

bool GrpcClient::WaitForConnection(std::chrono::milliseconds deadline) {
  return channel_->WaitForConnected(std::chrono::system_clock::now() + deadline);
}

std::unique_ptr<PendingCall> GrpcClient::Start(std::string_view request,
                                               const CallOptions& options) {
  std::unique_ptr<PendingCall> call(new PendingCall());
  PendingCall::State& state = *call->state_;
  if (options.deadline) {
    state.context.set_deadline(std::chrono::system_clock::now() + *options.deadline);
  }
  if (options.gzip) state.context.set_compression_algorithm(GRPC_COMPRESS_GZIP);
  for (const auto& [name, value] : options.metadata) state.context.AddMetadata(name, value);
  state.request = ToByteBuffer(request);
  state.started = std::chrono::steady_clock::now();
  stub_.UnaryCall(&state.context, options.method, grpc::StubOptions(), &state.request,
                  &state.response, [&state](grpc::Status status) {
                    const std::lock_guard lock(state.mu);
                    state.result.elapsed = std::chrono::duration_cast<std::chrono::milliseconds>(
                        std::chrono::steady_clock::now() - state.started);
                    state.result.response = ToString(state.response);
                    state.result.retry_delay = RetryDelayIn(status.error_details());
                    for (const auto& [name, value] : state.context.GetServerTrailingMetadata()) {
                      state.result.trailers.emplace(std::string(name.data(), name.size()),
                                                    std::string(value.data(), value.size()));
                    }
                    state.result.status = std::move(status);
                    state.is_done = true;
                    state.changed.notify_all();
                  });
  return call;
}

CallResult GrpcClient::Call(std::string_view request, const CallOptions& options) {
  const std::unique_ptr<PendingCall> call = Start(request, options);
  const CallResult* result = call->Wait(kCallMax);
  if (result == nullptr) {
    std::fprintf(stderr, "a call of %s was not answered within a minute\n", options.method.c_str());
    std::abort();
  }
  return *result;
}

CallResult GrpcClient::Export(const ExportRequest& request, const CallOptions& options) {
  return Call(request.SerializeAsString(), options);
}

}  // namespace router::test
