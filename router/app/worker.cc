#include "router/app/worker.h"

#include <pthread.h>
#include <unistd.h>

#include <utility>

namespace router {

Worker::Worker(std::size_t index, MemoryBudget& budget, CredentialVerifier& verifier,
               const WorkerOptions& options, WorkerListener& listener)
    : index_(index),
      options_(options),
      listener_(listener),
      memory_(budget),
      pool_(loop_, codec_, std::make_shared<const BackendOptions>(options_.backend), *this),
      forwarder_(loop_, memory_, ledger_, options_.forwarder),
      grpc_authenticator_(loop_, verifier),
      http_authenticator_(loop_, verifier),
      server_({.loop = loop_,
               .memory = memory_,
               .codec = codec_,
               .json = json_,
               .forwarder = forwarder_,
               .health = health_,
               .authenticator = grpc_authenticator_,
               .options = options_.ingress},
              http_authenticator_),
      last_sign_(Clock::now()) {
  grpc_authenticator_.SetPolicy(options_.ingress.auth);
  http_authenticator_.SetPolicy(options_.ingress.http.auth);
}

Worker::~Worker() { Stop(); }

void Worker::Start() {
  thread_ = std::thread([this] {
    const std::string name = "worker-" + std::to_string(index_);
    ::pthread_setname_np(::pthread_self(), name.c_str());
    loop_.Run();
  });
}

void Worker::Stop() {
  loop_.Stop();
  if (thread_.joinable()) thread_.join();
}

void Worker::SetOptions(const WorkerOptions& options) {
  loop_.Post([this, options] {
    if (options.backend != options_.backend) {
      pool_.SetOptions(std::make_shared<const BackendOptions>(options.backend));
    }
    forwarder_.SetOptions(options.forwarder);
    if (options.ingress.auth != options_.ingress.auth) {
      grpc_authenticator_.SetPolicy(options.ingress.auth);
    }
    if (options.ingress.http.auth != options_.ingress.http.auth) {
      http_authenticator_.SetPolicy(options.ingress.http.auth);
    }
    options_ = options;
  });
}

void Worker::SetTable(std::shared_ptr<const RoutingTable> table) {
  loop_.Post([this, table = std::move(table)]() mutable {
    forwarder_.SetRoutes(BindRoutes(std::move(table), pool_));
    listener_.OnBackends(index_, pool_.Metrics());
  });
}

void Worker::SetServing(bool is_serving) {
  loop_.Post([this, is_serving] { health_.SetServing(is_serving); });
}

void Worker::AnnounceShutDown() {
  loop_.Post([this] { server_.AnnounceShutDown(); });
}

void Worker::ShutDownConnections() {
  loop_.Post([this] { server_.ShutDown(); });
}

void Worker::DropBuffers() {
  loop_.Post([this] { memory_.buffers().Drop(); });
}

void Worker::Ping() {
  loop_.Post([this] { last_sign_.store(Clock::now(), std::memory_order_relaxed); });
}

ListenerTarget Worker::Target(Face face) {
  return {.connection_count = [this] { return server_.connection_count(); },
          .take =
              [this, face](int fd, bool is_v6) {
                server_.Expect();
                loop_.Post([this, face, fd, is_v6] {
                  using boost::asio::ip::tcp;
                  tcp::socket socket(loop_.io());
                  boost::system::error_code error;
                  socket.assign(is_v6 ? tcp::v6() : tcp::v4(), fd, error);
                  if (error) {
                    ::close(fd);
                    server_.Forget();
                    return;
                  }
                  server_.Add(face, std::move(socket));
                });
              }};
}

void Worker::OnBackendState(const std::string& name, bool is_ready) {
  listener_.OnBackendState(index_, name, is_ready);
}

}  // namespace router
