// Worker: one thread with everything a request touches: loop, memory account, codec, backends,
// clients.
//
// Thread safety: constructed, started and destroyed by the control side; the methods are called
// from the control thread and act on the worker's own thread by posting. Nothing of it is shared
// with other workers.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "router/admin/telemetry.h"
#include "router/backend/backend_pool.h"
#include "router/base/worker_loop.h"
#include "router/forward/forwarder.h"
#include "router/ingress/listener.h"
#include "router/ingress/otlp_server.h"

namespace router {

struct WorkerOptions {
  BackendOptions backend;
  ForwarderOptions forwarder;
  IngressOptions ingress;
};

// What a worker tells the control thread. Called on the worker; the receiver posts.
class WorkerListener {
 public:
  virtual void OnBackendState(std::size_t worker, std::string name, bool is_ready) = 0;
  virtual void OnBackends(std::size_t worker, Telemetry::BackendList backends) = 0;

 protected:
  ~WorkerListener() = default;
};

class Worker final : private BackendObserver {
 public:
  // `budget`, `verifier` and `listener` outlive the worker.
  Worker(std::size_t index, MemoryBudget& budget, CredentialVerifier& verifier,
         const WorkerOptions& options, WorkerListener& listener);
  ~Worker();

  void Start();
  // Ends the loop and joins the thread; connections close without ceremony.
  void Stop();

  // For requests and connections that begin from now on; backends keep their connections.
  void SetOptions(const WorkerOptions& options);
  void SetTable(std::shared_ptr<const RoutingTable> table);
  void SetServing(bool is_serving);
  void AnnounceShutDown();
  void ShutDownConnections();
  // Frees the memory that it keeps for the next requests.
  void DropBuffers();
  // Asks the loop for a sign of life; see last_sign().
  void Ping();

  // Where the listener of this face sends connections; the count is of both faces.
  ListenerTarget Target(Face face);
  const Ledger& ledger() const { return ledger_; }
  std::size_t connection_count() const { return server_.connection_count(); }
  const HandshakeGate& handshakes() const { return *server_.handshakes(); }
  TimePoint last_sign() const { return last_sign_.load(std::memory_order_relaxed); }

 private:
  void OnBackendState(const std::string& name, bool is_ready) override;
  bool MayTakeDown() override { return pool_.MayTakeDown(); }

  const std::size_t index_;
  WorkerOptions options_;  // after Start() its own thread's
  WorkerListener& listener_;
  Ledger ledger_;
  MemoryAccount
      memory_;  // before the loop: connections, and the bodies they still send, end with the loop
  WorkerLoop loop_;
  Codec codec_;
  JsonCodec json_;
  BackendPool pool_;
  Forwarder forwarder_;
  HealthService health_;
  Authenticator grpc_authenticator_;
  Authenticator http_authenticator_;
  OtlpServer server_;
  std::atomic<TimePoint> last_sign_;
  std::thread thread_;
};

}  // namespace router
