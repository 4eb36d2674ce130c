// A flood of TLS handshakes beside requests, on the only worker of a real process.
#include <gtest/gtest.h>
#include <openssl/bio.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "tests/codec/zlib_gzip.h"
#include "tests/integration/running_router.h"
#include "tests/support/grpc_backend.h"
#include "tests/support/http1_client.h"
#include "tests/support/scratch.h"
#include "tests/support/test_ca.h"

namespace router::test {
namespace {

using std::chrono::duration;
using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;

// Clients that connect, shake hands and leave, one after the other on each thread.
class HandshakeFlood {
 public:
  HandshakeFlood(const std::string& endpoint, int threads)
      : context_(SSL_CTX_new(TLS_client_method())) {
    SSL_CTX_set_alpn_protos(context_, reinterpret_cast<const unsigned char*>("\x02h2"), 3);
    for (int i = 0; i < threads; ++i) threads_.emplace_back([this, endpoint] { Run(endpoint); });
  }
  ~HandshakeFlood() {
    Stop();
    SSL_CTX_free(context_);
  }
  HandshakeFlood(const HandshakeFlood&) = delete;
  HandshakeFlood& operator=(const HandshakeFlood&) = delete;
  // How many there were.
  std::uint64_t Stop() {
    is_stopping_ = true;
    for (std::thread& thread : threads_) {
      if (thread.joinable()) thread.join();
    }
    return done_;
  }

 private:
  void Run(const std::string& endpoint) {
    while (!is_stopping_) {
      BIO* connection = BIO_new_ssl_connect(context_);
      BIO_set_conn_hostname(connection, endpoint.c_str());
      if (BIO_do_handshake(connection) == 1) ++done_;
      BIO_free_all(connection);
    }
  }

  SSL_CTX* context_;
  std::atomic<bool> is_stopping_ = false;
  std::atomic<std::uint64_t> done_ = 0;
  std::vector<std::thread> threads_;
};

// A client of OTLP/HTTP that has its answer, pauses, and asks anew: a quarter of a worker's time
// while nothing holds it up, less when something does. The work is the worker's: of a compressed
// body of JSON all but one span is a key that nobody knows.
class QuarterOfAWorker {
 public:
  explicit QuarterOfAWorker(std::uint16_t port) : thread_([this, port] { Run(port); }) {}
  ~QuarterOfAWorker() { Stop(); }
  QuarterOfAWorker(const QuarterOfAWorker&) = delete;
  QuarterOfAWorker& operator=(const QuarterOfAWorker&) = delete;
  void Stop() {
    {
      const std::lock_guard lock(mutex_);
      is_stopping_ = true;
    }
    stopping_.notify_all();
    if (thread_.joinable()) thread_.join();
  }
  std::size_t answered() const { return answered_; }
  // After Stop(): what went wrong; empty: nothing.
  const std::string& failure() const { return failure_; }

 private:
  static std::string Request() {
    std::string json = R"({"nobodyKnowsThis":[)";
    for (int i = 0; i < 100'000; ++i) json += "1,";
    json += R"(1],"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"x",)"
            R"("traceId":"000102030405060708090a0b0c0d0e0f","spanId":"0001020304050607"}]}]}]})";
    const Bytes packed =
        ZlibGzip({reinterpret_cast<const std::uint8_t*>(json.data()), json.size()}, 9);
    return "POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
           "Content-Encoding: gzip\r\nContent-Length: " +
           std::to_string(packed.size()) + "\r\n\r\n" + std::string(packed.begin(), packed.end());
  }
  void Run(std::uint16_t port) {
    const std::string request = Request();
    Http1Client client(port);
    steady_clock::duration quickest = seconds(1);
    while (!is_stopping_ && failure_.empty()) {
      const auto began = steady_clock::now();
      client.Send(request);
      client.Pump();
      while (client.answers().size() == answered_ && client.is_open() &&
             steady_clock::now() < began + seconds(30)) {
        client.WaitUntilReadable(seconds(1));
        client.Pump();
      }
      if (client.answers().size() == answered_) {
        failure_ = "no answer";
      } else if (client.answers().back().status != 200) {
        failure_ = client.answers().back().body;
      } else {
        ++answered_;
        quickest = std::min(quickest, steady_clock::now() - began);
        std::unique_lock lock(mutex_);
        stopping_.wait_for(lock, 3 * quickest, [this] { return is_stopping_.load(); });
      }
    }
  }

  std::mutex mutex_;
  std::condition_variable stopping_;
  std::atomic<bool> is_stopping_ = false;
  std::atomic<std::size_t> answered_ = 0;
  std::string failure_;
  std::thread thread_;
};

// Scenario: four threads do nothing but handshakes that cost the server ten times what they cost
// them, while a client keeps the worker busy for a quarter of its time, and asks the less the
// longer it waits. Guarantees: A-25: no request fails, and handshakes go on; they get a tenth of
// the worker or so. A busy machine can only make that less: it is processor time, of the time that
// passes.
TEST(HandshakeFloodTest, A25HandshakesGetATenthBesideRequests) {
  const TestCa ca;
  ScratchDirectory scratch;
  const TestCertificate made = ca.Sign({.addresses = {"127.0.0.1"}, .rsa_bits = 4096});
  const auto write = [&](const std::string& name, const std::string& text) {
    return scratch.Write(name, text).value().string();
  };
  const auto backend = GrpcBackend::Start({}).value();
  RunningRouter router({.backends = {backend->endpoint()},
                        .grpc_settings = "tls: {cert_file: " + write("crt", made.cert_pem) +
                                         ", key_file: " + write("key", made.key_pem) + "}",
                        .spanring_settings = "workers: 1"});
  QuarterOfAWorker load(router.http_port());
  ASSERT_TRUE(router.WaitUntil([&] { return load.answered() > 20; }, seconds(20)));
  HandshakeFlood flood(router.endpoint(), 4);
  const auto handshakes = [&] {
    return SumOf(router.Scrape(), "spanring_tls_handshakes_total", {"outcome=\"completed\""});
  };
  ASSERT_TRUE(router.WaitUntil([&] { return handshakes() > 3; }, seconds(20)));
  const auto spent_until_now = [&] {
    return SumOf(router.Scrape(), "spanring_tls_handshake_cpu_seconds_total");
  };
  const auto began = steady_clock::now();
  const double spent_before = spent_until_now();
  const std::size_t answered_before = load.answered();
  EXPECT_FALSE(router.WaitUntil([] { return false; }, seconds(3)));
  const double spent = spent_until_now() - spent_before;
  const double share = spent / duration<double>(steady_clock::now() - began).count();
  const std::size_t answered = load.answered() - answered_before;
  flood.Stop();
  load.Stop();
  std::printf("handshakes took %.1f %% of the worker, beside %zu requests\n", 100 * share,
              answered);
  EXPECT_EQ(load.failure(), "");
  EXPECT_GT(answered, 0U);
  EXPECT_GT(share, 0);
  EXPECT_LT(share, 0.15);
}

}  // namespace
}  // namespace router::test
