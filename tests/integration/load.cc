#include "tests/integration/load.h"

#include <chrono>
#include <deque>
#include <utility>

#include "tests/integration/requests.h"

namespace router::test {
namespace {

constexpr std::chrono::seconds kAnswerMax{30};
constexpr int kReconnectMs = 100;

std::shared_ptr<grpc::Channel> OpenChannel(
    const std::vector<std::string>& endpoints,
    const std::shared_ptr<grpc::ChannelCredentials>& credentials) {
  std::string target = "ipv4:";
  for (const std::string& endpoint : endpoints) {
    target += (&endpoint == &endpoints.front() ? "" : ",") + endpoint;
  }
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, kReconnectMs);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, kReconnectMs);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, kReconnectMs);
  arguments.SetLoadBalancingPolicyName("round_robin");
  return grpc::CreateCustomChannel(target, credentials, arguments);
}

}  // namespace

Load::Load(const std::vector<std::string>& endpoints, std::size_t calls_in_flight,
           const std::shared_ptr<grpc::ChannelCredentials>& credentials)
    : calls_in_flight_(calls_in_flight), client_(OpenChannel(endpoints, credentials)) {
  thread_ = std::thread([this] { Run(); });
}

Load::~Load() { Stop(); }

void Load::Stop() {
  is_stopping_ = true;
  if (thread_.joinable()) thread_.join();
}

void Load::Run() {
  if (!client_.WaitForConnection(kAnswerMax)) {
    failures_.emplace_back("no connection");
    return;
  }
  std::deque<Call> calls;
  std::uint64_t trace = 1;
  while (!is_stopping_ || !calls.empty()) {
    while (!is_stopping_ && calls.size() < calls_in_flight_) {
      Call call{.request = RequestFor({trace, trace + 1, trace + 2}), .pending = nullptr};
      trace += 3;
      call.pending = client_.Start(call.request.SerializeAsString());
      calls.push_back(std::move(call));
    }
    if (calls.empty()) continue;
    Take(std::move(calls.front()));
    calls.pop_front();
  }
}

void Load::Take(Call call) {
  const CallResult* result = call.pending->Wait(kAnswerMax);
  ++calls_;
  if (result == nullptr) {
    failures_.emplace_back("no answer");
  } else if (result->code() != 0) {
    failures_.push_back(std::to_string(result->code()) + " " + result->status.error_message());
  } else {
    accepted_.Add(call.request);
  }
}

std::size_t CountLost(const SpanLedger& sent, const SpanLedger& received) {
  std::size_t lost = 0;
  for (const auto& [key, entry] : sent.entries()) {
    const auto found = received.entries().find(key);
    if (found == received.entries().end() || found->second.fingerprint != entry.fingerprint) ++lost;
  }
  return lost;
}

}  // namespace router::test
