// GrpcClient: an OTLP client on gRPC C++, one connection, any number of calls in flight.
//
// Requests and responses are bytes, so malformed ones can be sent and answers compared on the wire.
// Thread safety: GrpcClient any thread; a PendingCall belongs to one thread at a time.
#pragma once

#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/support/grpc_backend.h"

namespace router::test {

struct CallOptions {
  std::string method = kExportMethod;
  std::optional<std::chrono::milliseconds> deadline =
      {};  // kept by the client's library and sent along
  bool gzip = false;
  // An entry "grpc-timeout" travels without the client's own library keeping that deadline.
  std::vector<std::pair<std::string, std::string>> metadata = {};
};

struct CallResult {
  grpc::Status status;
  std::string response;
  std::optional<std::chrono::milliseconds> retry_delay;  // of RetryInfo in the status details
  std::multimap<std::string, std::string> trailers;
  std::chrono::milliseconds elapsed{0};

  int code() const { return static_cast<int>(status.error_code()); }
};

// A call in flight. The destructor cancels it and waits for its end.
class PendingCall {
 public:
  ~PendingCall();
  PendingCall(const PendingCall&) = delete;
  PendingCall& operator=(const PendingCall&) = delete;

  void Cancel();
  // Null at the deadline. The result lives as long as the call.
  const CallResult* Wait(std::chrono::milliseconds deadline);

 private:
  friend class GrpcClient;
  PendingCall();
  struct State;
  std::unique_ptr<State> state_;
};

class GrpcClient {
 public:
  // `target` is "address:port" or another that gRPC resolves. Every client has connections of its
  // own; `policy` says how calls are spread over them, as gRPC names it.
  explicit GrpcClient(const std::string& target, const std::string& policy = "pick_first");
  explicit GrpcClient(std::shared_ptr<grpc::Channel> channel);

  // False when no connection stands at the deadline.
  bool WaitForConnection(std::chrono::milliseconds deadline);
  std::unique_ptr<PendingCall> Start(std::string_view request, const CallOptions& options = {});
  // Start and wait. Aborts the process when the call takes longer than a minute: its options set no
  // deadline.
  CallResult Call(std::string_view request, const CallOptions& options = {});
  CallResult Export(const ExportRequest& request, const CallOptions& options = {});

  const std::shared_ptr<grpc::Channel>& channel() const { return channel_; }

 private:
  std::shared_ptr<grpc::Channel> channel_;
  grpc::GenericStub stub_;
};

}  // namespace router::test
